// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/encapsulate.h"

#include "lvsd/net/checksum.h"

namespace lvsd {

std::uint8_t outer_tos(std::uint8_t inner) {
  constexpr unsigned kEcnMask = 0x03, kCongestionExperienced = 0x03, kEct0 = 0x02;
  const unsigned ecn = inner & kEcnMask;
  const unsigned outer_ecn = ecn == kCongestionExperienced ? kEct0 : ecn;
  return static_cast<std::uint8_t>((inner & ~kEcnMask) | outer_ecn);
}

bool encapsulate_ipip(PacketBuffer& packet, const PacketView& view, const OuterHeader& outer) {
  if (!packet.prepend(kIpipOverhead)) return false;
  Ipv4Header header;
  header.tos = outer_tos(view.tos);
  header.total_length = Be16(static_cast<std::uint16_t>(packet.size()));
  header.id = Be16(view.dont_fragment ? std::uint16_t{0} : outer.id);
  header.flags_offset = Be16(view.dont_fragment ? Ipv4Header::kDontFragment : std::uint16_t{0});
  header.ttl = static_cast<std::uint8_t>(view.ttl - 1);
  header.protocol = static_cast<std::uint8_t>(IpProtocol::ipip);
  header.source = outer.source;
  header.destination = outer.destination;
  finish_checksum(header);
  store(packet.bytes(), header);
  return true;
}

}  // namespace lvsd
