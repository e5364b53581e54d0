// SPDX-License-Identifier: GPL-2.0-or-later
// The seed of a random test: printed, so that a failure can be repeated, and taken from
// LVSD_TEST_SEED where that is set.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace lvsd::test {

inline std::uint32_t random_seed() {
  const char* given = std::getenv("LVSD_TEST_SEED");
  const auto seed = given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 0))
                                     : static_cast<std::uint32_t>(std::random_device()());
  std::printf("LVSD_TEST_SEED=%u\n", seed);
  return seed;
}

}  // namespace lvsd::test
