// SPDX-License-Identifier: GPL-2.0-or-later
#include "frames.h"

#include <algorithm>

#include "lvsd/forward/encapsulate.h"
#include "lvsd/net/checksum.h"

namespace lvsd::doctor {
namespace {

constexpr std::uint8_t number(IpProtocol protocol) { return static_cast<std::uint8_t>(protocol); }
constexpr std::uint32_t kSequence = 0x6c767364;

// In front of `payload`, an IP header of the addresses' family.
Bytes with_ip(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
              const Bytes& payload, std::uint8_t hops = kHops) {
  const std::size_t length = to.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  Bytes packet(length);
  if (to.is_v4()) {
    Ipv4Header header;
    header.total_length = Be16(static_cast<std::uint16_t>(length + payload.size()));
    header.flags_offset = Be16(Ipv4Header::kDontFragment);
    header.ttl = hops;
    header.protocol = protocol;
    header.source = from.v4();
    header.destination = to.v4();
    finish_checksum(header);
    store(std::span(packet), header);
  } else {
    Ipv6Header header;
    header.payload_length = Be16(static_cast<std::uint16_t>(payload.size()));
    header.next_header = protocol;
    header.hop_limit = hops;
    header.source = from;
    header.destination = to;
    store(std::span(packet), header);
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

// The checksum over `bytes` and the pseudo header, for a field that is zero by now.
Be16 checksum(const IpAddress& from, const IpAddress& to, IpProtocol protocol, const Bytes& bytes) {
  ChecksumSum sum;
  sum.add_pseudo(from, to, number(protocol), bytes.size());
  sum.add(bytes);
  return sum.finish();
}

Bytes segment(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port,
              std::uint8_t flags, std::uint32_t sequence, std::size_t payload) {
  TcpHeader header;
  header.source = from_port.wire();
  header.destination = to_port.wire();
  header.sequence = Be32(sequence);
  header.flags = flags;
  header.window = Be16(std::uint16_t{1024});
  Bytes bytes(sizeof(header) + payload);
  store(std::span(bytes), header);
  header.checksum = checksum(from, to, IpProtocol::tcp, bytes);
  store(std::span(bytes), header);
  return with_ip(from, to, number(IpProtocol::tcp), bytes);
}

// RFC 826, Ethernet and IPv4.
struct ArpPacket {
  Be16 hardware{std::uint16_t{1}}, protocol{ethertype::kIpv4};
  std::uint8_t hardware_length = 6, protocol_length = 4;
  Be16 operation{std::uint16_t{1}};
  Mac sender_mac;
  Ipv4Address sender;
  Mac target_mac;
  Ipv4Address target;
};
static_assert(sizeof(ArpPacket) == 28 && alignof(ArpPacket) == 1);

// RFC 4861 sections 4.3 and 4.4: alike, but for what the flags mean.
struct DiscoveryMessage {
  std::uint8_t type = 0, code = 0;
  Be16 checksum;
  Be32 flags;
  IpAddress target;
};
struct LinkAddressOption {
  std::uint8_t type = 0, length = 1;  // in units of 8 bytes
  Mac mac;
};
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr std::uint8_t kSourceAddress = 1, kTargetAddress = 2, kDiscoveryHops = 255;

Bytes solicitation(const Mac& own_mac, const IpAddress& own, const IpAddress& about) {
  const auto target = about.bytes();
  const IpAddress group(IpAddress::Bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, target[13],
                                         target[14], target[15]});
  const bool named = !own.is_unspecified();
  Bytes bytes(sizeof(DiscoveryMessage) + (named ? sizeof(LinkAddressOption) : 0));
  DiscoveryMessage message;
  message.type = kSolicitation;
  message.target = about;
  store(std::span(bytes), message);
  if (named) {
    store(std::span(bytes), LinkAddressOption{.type = kSourceAddress, .mac = own_mac},
          sizeof(message));
  }
  message.checksum = checksum(own, group, IpProtocol::icmpv6, bytes);
  store(std::span(bytes), message);
  const Mac to({0x33, 0x33, 0xff, target[13], target[14], target[15]});
  return frame_of(to, own_mac,
                  with_ip(own, group, number(IpProtocol::icmpv6), bytes, kDiscoveryHops));
}

std::optional<Heard> parse_arp(std::span<const std::byte> bytes) {
  constexpr std::uint16_t kReply = 2;
  const auto arp = load<ArpPacket>(bytes);
  if (!arp || arp->protocol != Be16(ethertype::kIpv4)) return std::nullopt;
  Heard heard;
  heard.kind = arp->operation.host() == kReply ? Heard::Kind::claim : Heard::Kind::question;
  heard.mac = arp->sender_mac;
  heard.sender = arp->sender;
  heard.address = heard.kind == Heard::Kind::claim ? arp->sender : arp->target;
  if (heard.kind == Heard::Kind::claim) heard.target = arp->target;
  return heard;
}

std::optional<Heard> parse_discovery(std::span<const std::byte> message, const PacketView& view,
                                     const Mac& from) {
  const auto discovery = load<DiscoveryMessage>(message);
  if (!discovery) return std::nullopt;
  Heard heard;
  heard.mac = from;
  heard.sender = view.tuple.source;
  heard.address = discovery->target;
  if (view.icmp_type == kSolicitation) return heard;
  heard.kind = Heard::Kind::claim;
  const auto option = load<LinkAddressOption>(message, sizeof(DiscoveryMessage));
  if (option && option->type == kTargetAddress) heard.mac = option->mac;
  return heard;
}

// What lies between an outer IP header and the inner one.
std::size_t shim_length(std::span<const std::byte> bytes, const QuotedPacket& outer) {
  const std::size_t at = outer.transport_offset;
  if (outer.tuple.protocol == number(IpProtocol::gre)) {
    const auto gre = load<GreHeader>(bytes, at);
    const bool summed = gre && (gre->flags_version.host() & GreHeader::kChecksumPresent) != 0;
    return sizeof(GreHeader) + (summed ? sizeof(GreChecksum) : 0);
  }
  if (outer.tuple.protocol == number(IpProtocol::udp)) return sizeof(UdpHeader) + sizeof(GueHeader);
  return 0;
}

std::optional<Heard> parse_error(std::span<const std::byte> packet, const PacketView& view,
                                 const Mac& from) {
  if (!view.quoted) return std::nullopt;
  const QuotedPacket& quoted = *view.quoted;
  Heard heard;
  heard.kind = Heard::Kind::error;
  heard.mac = from;
  heard.sender = view.tuple.source;
  heard.type = view.icmp_type;
  heard.code = view.icmp_code;
  heard.mtu = view.icmp_mtu;
  heard.tuple = quoted.tuple;
  heard.address = quoted.tuple.destination;
  const std::uint8_t protocol = quoted.tuple.protocol;
  const bool gue =
      protocol == number(IpProtocol::udp) && quoted.tuple.source_port.host() < kFirstProbePort;
  heard.quotes_tunnel = protocol == number(IpProtocol::ipip) ||
                        protocol == number(IpProtocol::ipv6) ||
                        protocol == number(IpProtocol::gre) || gue;
  if (!heard.quotes_tunnel) return heard;
  const auto inner = parse_quoted(packet, quoted.transport_offset + shim_length(packet, quoted));
  if (inner && inner->has_ports) {
    heard.tuple = inner->tuple;
    heard.has_inner = true;
  }
  return heard;
}

}  // namespace

Bytes frame_of(const Mac& to, const Mac& from, const Bytes& packet) {
  const bool v6 = !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6;
  Bytes frame(sizeof(EthernetHeader));
  store(std::span(frame), EthernetHeader{to, from, Be16(v6 ? ethertype::kIpv6 : ethertype::kIpv4)});
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

Bytes question_to(const Mac& to, const Mac& own_mac, const IpAddress& own, const IpAddress& about) {
  ArpPacket arp;
  arp.sender_mac = own_mac;
  if (own.is_v4()) arp.sender = own.v4();
  arp.target = about.v4();
  Bytes frame(sizeof(EthernetHeader) + sizeof(arp));
  store(std::span(frame), EthernetHeader{to, own_mac, Be16(ethertype::kArp)});
  store(std::span(frame), arp, sizeof(EthernetHeader));
  return frame;
}

Bytes question_frame(const Mac& own_mac, const IpAddress& own, const IpAddress& about) {
  if (!about.is_v4()) return solicitation(own_mac, own, about);
  return question_to(Mac({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), own_mac, own, about);
}

Bytes syn(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port,
          std::size_t payload) {
  return segment(from, from_port, to, to_port, TcpHeader::kSyn, kSequence, payload);
}

Bytes reset(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port) {
  return segment(from, from_port, to, to_port, TcpHeader::kRst, kSequence + 1, 0);
}

Bytes datagram(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port) {
  UdpHeader header{from_port.wire(), to_port.wire(), Be16(std::uint16_t{sizeof(UdpHeader)}),
                   Be16()};
  Bytes bytes(sizeof(header));
  store(std::span(bytes), header);
  header.checksum = checksum(from, to, IpProtocol::udp, bytes);
  store(std::span(bytes), header);
  return with_ip(from, to, number(IpProtocol::udp), bytes);
}

Bytes echo(const IpAddress& from, Port identifier, const IpAddress& to, std::uint8_t hops) {
  IcmpHeader header;
  header.type = to.is_v4() ? icmp::kEchoRequest : icmpv6::kEchoRequest;
  header.unused = identifier.wire();  // the high half: the identifier
  Bytes bytes(sizeof(header) + 8);    // data that says nothing
  store(std::span(bytes), header);
  header.checksum =
      to.is_v4() ? internet_checksum(bytes) : checksum(from, to, IpProtocol::icmpv6, bytes);
  store(std::span(bytes), header);
  return with_ip(from, to, number(to.is_v4() ? IpProtocol::icmp : IpProtocol::icmpv6), bytes, hops);
}

Bytes tunnelled(const Bytes& inner, const Tunnel& tunnel, const IpAddress& from,
                const IpAddress& to, bool dont_fragment) {
  const auto view = parse_packet(inner);
  if (!view) return {};
  const std::size_t overhead = tunnel_overhead(tunnel, !to.is_v4());
  Bytes packet(overhead);
  packet.insert(packet.end(), inner.begin(), inner.end());
  OuterHeader outer{.source = from, .destination = to, .dont_fragment = dont_fragment};
  outer.id = 1;
  outer.source_port = gue_source_port(0);
  write_tunnel_headers(packet, {}, *view, tunnel, outer);
  return packet;
}

std::optional<Heard> parse_frame(std::span<const std::byte> frame) {
  const auto ethernet = load<EthernetHeader>(frame);
  if (!ethernet) return std::nullopt;
  const auto rest = frame.subspan(sizeof(EthernetHeader));
  if (ethernet->type == Be16(ethertype::kArp)) return parse_arp(rest);
  const auto view = parse_packet(rest);
  if (!view || view->is_later_fragment()) return std::nullopt;
  Heard heard;
  heard.mac = ethernet->source;
  heard.sender = view->tuple.source;
  heard.tuple = view->tuple;
  if (view->is(IpProtocol::tcp) || view->is(IpProtocol::udp)) {
    heard.kind = Heard::Kind::segment;
    heard.tcp_flags = view->tcp_flags;
    return heard;
  }
  if (!view->is_icmp()) return std::nullopt;
  if (view->is_icmp_error()) return parse_error(rest, *view, ethernet->source);
  const auto message = rest.subspan(view->transport_offset);
  if (view->v6 && (view->icmp_type == kSolicitation || view->icmp_type == kAdvertisement)) {
    return parse_discovery(message, *view, ethernet->source);
  }
  const std::uint8_t reply = view->v6 ? icmpv6::kEchoReply : icmp::kEchoReply;
  const auto header = load<IcmpHeader>(message);
  if (view->icmp_type != reply || !header) return std::nullopt;
  heard.kind = Heard::Kind::echo;
  heard.identifier = Port(header->unused);
  return heard;
}

}  // namespace lvsd::doctor
