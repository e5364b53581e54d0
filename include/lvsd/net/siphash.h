// SPDX-License-Identifier: GPL-2.0-or-later
// SipHash-1-3 (Aumasson and Bernstein): the keyed hash for every table whose keys a client chooses,
// so that nobody can aim all packets at one bucket. The kernel's hsiphash is the same function
// truncated to 32 bits on 64-bit machines (reference section 4.11).
#pragma once

#include <cstdint>
#include <span>

#include "lvsd/net/wire.h"

namespace lvsd {

struct HashSeed {
  std::uint64_t k0 = 0, k1 = 0;
};

std::uint64_t siphash13(const HashSeed& seed, std::span<const std::byte> bytes);

}  // namespace lvsd
