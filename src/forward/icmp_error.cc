// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/icmp_error.h"

#include <algorithm>
#include <cstring>

#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

constexpr std::size_t kLargestError = 576;
constexpr std::uint8_t kInternetControl = 0xc0;  // RFC 1812 section 4.3.2.5
constexpr std::uint8_t kTtl = 64;
constexpr std::size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpHeader);

}  // namespace

bool may_answer(const PacketView& offending) {
  if (offending.is_later_fragment() || offending.is_icmp_error()) return false;
  const IpAddress& from = offending.tuple.source;
  return !from.is_unspecified() && !from.is_multicast() && !from.is_loopback() &&
         !offending.tuple.destination.is_multicast();
}

std::span<std::byte> make_icmp_error(Emissions& memory, const IcmpError& error,
                                     const Ipv4Address& source, const Ipv4Address& destination,
                                     std::span<const std::byte> offending, std::uint16_t id) {
  const std::size_t quoted = std::min(offending.size(), kLargestError - kHeaders);
  const std::span<std::byte> packet = memory.allocate(kHeaders + quoted);

  Ipv4Header ip;
  ip.tos = kInternetControl;
  ip.total_length = Be16(static_cast<std::uint16_t>(packet.size()));
  ip.id = Be16(id);
  ip.ttl = kTtl;
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::icmp);
  ip.source = source;
  ip.destination = destination;
  finish_checksum(ip);
  store(packet, ip);

  IcmpHeader header;
  header.type = error.type;
  header.code = error.code;
  header.next_hop_mtu = Be16(error.mtu);
  store(packet, header, sizeof(Ipv4Header));
  std::memcpy(packet.data() + kHeaders, offending.data(), quoted);
  header.checksum = internet_checksum(packet.subspan(sizeof(Ipv4Header)));
  store(packet, header, sizeof(Ipv4Header));
  return packet;
}

}  // namespace lvsd
