// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/hash.h"

namespace lvsd {

std::uint32_t folded(const IpAddress& address) {
  if (address.is_v4()) return address.v4().wire().host();
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 16; i += 4) {
    const IpAddress::Bytes& b = address.bytes();
    sum ^= Ipv4Address({b[i], b[i + 1], b[i + 2], b[i + 3]}).wire().host();
  }
  return sum;
}

}  // namespace lvsd
