// SPDX-License-Identifier: GPL-2.0-or-later
// What both IP headers begin with, read without a closer look, for those who want nothing but a
// hint of whose a packet is: no checks, no extension headers. Everybody else asks parse_packet().
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"

namespace lvsd {

struct FixedHeader {
  IpAddress source, destination;
  std::uint8_t protocol = 0;  // of IPv6 the next header, which may be an extension
  bool v6 = false;
  std::size_t length = 0;  // as the header says, with IPv4's options
};

inline std::optional<FixedHeader> fixed_header(std::span<const std::byte> packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4U;
  if (version == 4) {
    const auto ip = load<Ipv4Header>(packet);
    if (!ip) return std::nullopt;
    return FixedHeader{ip->source, ip->destination, ip->protocol, false, ip->header_length()};
  }
  const auto ip = load<Ipv6Header>(packet);
  if (version != 6 || !ip) return std::nullopt;
  return FixedHeader{ip->source, ip->destination, ip->next_header, true, sizeof(Ipv6Header)};
}

}  // namespace lvsd
