// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/encapsulate.h"

#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

std::uint8_t inner_protocol(const PacketView& view) {
  return static_cast<std::uint8_t>(view.v6 ? IpProtocol::ipv6 : IpProtocol::ipip);
}

// What stands between the outer IP header and the inner packet.
std::size_t shim_length(const Tunnel& tunnel) {
  switch (tunnel.encapsulation) {
    case Encapsulation::ipip:
      return 0;
    case Encapsulation::gue:
      return sizeof(UdpHeader) + sizeof(GueHeader);
    case Encapsulation::gre:
      return sizeof(GreHeader) +
             (tunnel.checksum == TunnelChecksum::none ? 0 : sizeof(GreChecksum));
  }
  return 0;
}

// The remote checksum of GUE moves a sum that is still to be computed outwards; packets come here
// with finished ones, and then the kernel, too, sends a plain outer sum.
void write_gue(std::span<std::byte> packet, std::span<const std::byte> tail, const PacketView& view,
               const Tunnel& tunnel, const OuterHeader& outer) {
  UdpHeader udp;
  udp.source = outer.source_port.wire();
  udp.destination = tunnel.port.wire();
  udp.length = Be16(static_cast<std::uint16_t>(packet.size() + tail.size()));
  GueHeader gue;
  gue.protocol = inner_protocol(view);
  store(packet, udp);
  store(packet, gue, sizeof(UdpHeader));
  if (tunnel.checksum == TunnelChecksum::none) return;
  ChecksumSum sum;
  sum.add_pseudo(outer.source, outer.destination, static_cast<std::uint8_t>(IpProtocol::udp),
                 packet.size() + tail.size());
  sum.add(packet);
  sum.add(tail);
  udp.checksum = sum.finish();
  if (udp.checksum.raw() == 0) udp.checksum = Be16(std::uint16_t{0xffff});
  store(packet, udp);
}

void write_gre(std::span<std::byte> packet, std::span<const std::byte> tail, const PacketView& view,
               const Tunnel& tunnel) {
  const bool summed = tunnel.checksum != TunnelChecksum::none;
  GreHeader header;
  header.flags_version = Be16(summed ? GreHeader::kChecksumPresent : std::uint16_t{0});
  header.protocol = Be16(view.v6 ? ethertype::kIpv6 : ethertype::kIpv4);
  store(packet, header);
  if (!summed) return;
  store(packet, GreChecksum{}, sizeof(GreHeader));
  ChecksumSum sum;
  sum.add(packet);
  sum.add(tail);
  store(packet, GreChecksum{sum.finish(), {}}, sizeof(GreHeader));
}

void write_v4(std::span<std::byte> packet, std::size_t length, const PacketView& view,
              std::uint8_t protocol, const OuterHeader& outer) {
  Ipv4Header header;
  header.tos = outer_tos(view.tos);
  header.total_length = Be16(static_cast<std::uint16_t>(length));
  header.id = Be16(outer.dont_fragment ? std::uint16_t{0} : outer.id);
  header.flags_offset = Be16(outer.dont_fragment ? Ipv4Header::kDontFragment : std::uint16_t{0});
  header.ttl = static_cast<std::uint8_t>(view.ttl - 1);
  header.protocol = protocol;
  header.source = outer.source.v4();
  header.destination = outer.destination.v4();
  finish_checksum(header);
  store(packet, header);
}

void write_v6(std::span<std::byte> packet, std::size_t length, const PacketView& view,
              std::uint8_t protocol, const OuterHeader& outer) {
  Ipv6Header header;
  header.version_class_flow =
      Be32(Ipv6Header::kVersion | (std::uint32_t{outer_tos(view.tos)} << 20U));
  header.payload_length = Be16(static_cast<std::uint16_t>(length - sizeof(Ipv6Header)));
  header.next_header = protocol;
  header.hop_limit = static_cast<std::uint8_t>(view.ttl - 1);
  header.source = outer.source;
  header.destination = outer.destination;
  store(packet, header);
}

}  // namespace

std::size_t tunnel_overhead(const Tunnel& tunnel, bool outer_v6) {
  return shim_length(tunnel) + (outer_v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
}

std::uint8_t outer_tos(std::uint8_t inner) {
  constexpr unsigned kEcnMask = 0x03, kCongestionExperienced = 0x03, kEct0 = 0x02;
  const unsigned ecn = inner & kEcnMask;
  const unsigned outer_ecn = ecn == kCongestionExperienced ? kEct0 : ecn;
  return static_cast<std::uint8_t>((inner & ~kEcnMask) | outer_ecn);
}

bool encapsulate(PacketBuffer& packet, const PacketView& view, const Tunnel& tunnel,
                 const OuterHeader& outer) {
  if (!packet.prepend(tunnel_overhead(tunnel, !outer.destination.is_v4()))) return false;
  write_tunnel_headers(packet.bytes(), {}, view, tunnel, outer);
  return true;
}

void write_tunnel_headers(std::span<std::byte> head, std::span<const std::byte> tail,
                          const PacketView& view, const Tunnel& tunnel, const OuterHeader& outer) {
  const bool v6 = !outer.destination.is_v4();
  const std::span<std::byte> inside =
      head.subspan(tunnel_overhead(tunnel, v6) - shim_length(tunnel));
  std::uint8_t protocol = inner_protocol(view);
  if (tunnel.encapsulation == Encapsulation::gue) {
    protocol = static_cast<std::uint8_t>(IpProtocol::udp);
    write_gue(inside, tail, view, tunnel, outer);
  } else if (tunnel.encapsulation == Encapsulation::gre) {
    protocol = static_cast<std::uint8_t>(IpProtocol::gre);
    write_gre(inside, tail, view, tunnel);
  }
  if (v6) {
    write_v6(head, head.size() + tail.size(), view, protocol, outer);
  } else {
    write_v4(head, head.size() + tail.size(), view, protocol, outer);
  }
}

Port gue_source_port(std::uint64_t hash) {
  constexpr std::uint64_t kFirst = 32768, kEnd = 60999;  // net.ipv4.ip_local_port_range
  const std::uint64_t place = (hash & 0xffffffffU) * (kEnd - kFirst) >> 32U;
  return Port(static_cast<std::uint16_t>(kFirst + place));
}

}  // namespace lvsd
