// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's hash behind the hashing schedulers. It is fixed and unseeded on purpose: two
// directors with the same destinations must place the same client alike.
#pragma once

#include <cstdint>

#include "lvsd/net/address.h"

namespace lvsd {

// An address as one number in host order; an IPv6 address is the XOR of its four words.
std::uint32_t folded(const IpAddress& address);

// The upper `bits` (1..32) of a multiplicative hash with the golden ratio, as since Linux 4.7
// (reference section 4.12).
constexpr std::uint32_t hash32(std::uint32_t value, unsigned bits) {
  constexpr std::uint32_t kGoldenRatio = 0x61c88647U;
  return (value * kGoldenRatio) >> (32U - bits);
}

}  // namespace lvsd
