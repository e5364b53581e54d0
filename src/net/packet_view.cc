// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/packet_view.h"

#include <array>
#include <bit>
#include <limits>

#include "lvsd/net/checksum.h"
#include "lvsd/net/extension_headers.h"

namespace lvsd {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMinimumHeader = sizeof(Ipv4Header);

bool carries_ports(std::uint8_t protocol) {
  return protocol == static_cast<std::uint8_t>(IpProtocol::tcp) ||
         protocol == static_cast<std::uint8_t>(IpProtocol::udp) ||
         protocol == static_cast<std::uint8_t>(IpProtocol::sctp);
}

void set_ports(Tuple& tuple, Be16 source, Be16 destination) {
  tuple.source_port = Port(source);
  tuple.destination_port = Port(destination);
}

// Of a right header: zero. Most have no options, and then five words in registers are all of it.
Be16 header_sum(const Ipv4Header& header, Bytes options) {
  ChecksumSum sum;
  for (const std::uint32_t word : std::bit_cast<std::array<std::uint32_t, 5>>(header)) {
    sum.add_word(word);
  }
  if (!options.empty()) sum.add(options);
  return sum.finish();
}

// Everything that RFC 1122 section 3.2.1 lets a host discard a header for, in the order in which a
// reader can tell.
std::optional<Malformed> read_ip(Bytes bytes, PacketView& view) noexcept {
  const std::optional<Ipv4Header> loaded = load<Ipv4Header>(bytes);
  if (!loaded) return Malformed::truncated_ip;
  const Ipv4Header& header = *loaded;
  if (header.version() != 4) return Malformed::bad_ip_version;
  const std::size_t header_length = header.header_length();
  const std::size_t total_length = header.total_length.host();
  if (header_length < kMinimumHeader) return Malformed::bad_ip_length;
  if (total_length < header_length) return Malformed::bad_ip_length;
  if (total_length > bytes.size()) return Malformed::truncated_ip;
  if (header_sum(header, bytes.subspan(sizeof header, header_length - sizeof header)) != Be16()) {
    return Malformed::bad_ip_checksum;
  }
  view.tuple.source = header.source;
  view.tuple.destination = header.destination;
  view.tuple.protocol = header.protocol;
  view.total_length = header.total_length.host();
  view.transport_offset = static_cast<std::uint16_t>(header.header_length());
  view.payload_offset = view.total_length;
  view.fragment_offset = static_cast<std::uint16_t>(header.fragment_offset());
  view.ttl = header.ttl;
  view.tos = header.tos;
  view.ip_id = header.id.host();
  view.dont_fragment = header.dont_fragment();
  view.more_fragments = header.more_fragments();
  return std::nullopt;
}

// The maximum segment size among the options of a SYN.
std::uint16_t announced_mss(Bytes options) noexcept {
  constexpr std::byte kEnd{0}, kNoOperation{1}, kMss{2};
  std::size_t at = 0;
  while (at < options.size() && options[at] != kEnd) {
    if (options[at] == kNoOperation) {
      ++at;
      continue;
    }
    const auto value = options[at] == kMss ? load<Be16>(options, at + 2) : std::nullopt;
    if (value) return value->host();
    const std::size_t length =
        at + 1 < options.size() ? std::to_integer<std::size_t>(options[at + 1]) : 0;
    if (length < 2) return 0;
    at += length;
  }
  return 0;
}

// A first fragment is held to the same rule as a whole packet: one too small for its own TCP header
// is an evasion technique, not traffic (RFC 1858 section 3). The kernel's IPVS forwards a TCP
// packet whose data offset is impossible; here it is refused, so that whoever looks behind the
// header may trust payload_offset.
std::optional<Malformed> read_tcp(Bytes packet, PacketView& view) noexcept {
  const std::optional<TcpHeader> tcp = load<TcpHeader>(packet, view.transport_offset);
  if (!tcp) return Malformed::truncated_transport;
  const std::size_t header_length = tcp->header_length();
  if (header_length < sizeof(TcpHeader) || header_length > packet.size() - view.transport_offset) {
    return Malformed::bad_tcp_length;
  }
  set_ports(view.tuple, tcp->source, tcp->destination);
  view.has_ports = true;
  view.tcp_flags = tcp->flags;
  view.payload_offset = static_cast<std::uint32_t>(view.transport_offset + header_length);
  if ((tcp->flags & TcpHeader::kSyn) != 0) {
    view.tcp_mss = announced_mss(packet.subspan(view.transport_offset + sizeof(TcpHeader),
                                                header_length - sizeof(TcpHeader)));
  }
  return std::nullopt;
}

// The UDP length field is not judged: IPVS forwards what the receiver will refuse (reference 1.4).
std::optional<Malformed> read_udp(Bytes packet, PacketView& view) noexcept {
  const std::optional<UdpHeader> udp = load<UdpHeader>(packet, view.transport_offset);
  if (!udp) return Malformed::truncated_transport;
  set_ports(view.tuple, udp->source, udp->destination);
  view.has_ports = true;
  view.payload_offset = static_cast<std::uint32_t>(view.transport_offset + sizeof(UdpHeader));
  return std::nullopt;
}

// Reference 3.6: of a COOKIE ECHO or ACK, the next chunk counts where it is an ABORT.
bool abort_behind_cookie(Bytes packet, std::size_t offset, const SctpChunk& first) noexcept {
  if (first.type != sctp::kCookieEcho && first.type != sctp::kCookieAck) return false;
  const std::size_t length = first.length.host();
  if (length < sizeof(SctpChunk)) return false;
  const auto next = load<SctpChunk>(packet, offset + (length + 3) / 4 * 4);
  return next && next->type == sctp::kAbort;
}

std::optional<Malformed> read_sctp(Bytes packet, PacketView& view) noexcept {
  const auto header = load<SctpHeader>(packet, view.transport_offset);
  if (!header) return Malformed::truncated_transport;
  set_ports(view.tuple, header->source, header->destination);
  view.has_ports = true;
  const std::size_t chunks = view.transport_offset + sizeof(SctpHeader);
  view.payload_offset = static_cast<std::uint16_t>(chunks);
  const auto first = load<SctpChunk>(packet, chunks);
  if (!first) return std::nullopt;
  view.sctp_chunk = first->type;
  view.sctp_cookie_abort = abort_behind_cookie(packet, chunks, *first);
  return std::nullopt;
}

std::optional<Malformed> read_icmp(Bytes packet, PacketView& view) noexcept {
  const std::optional<IcmpHeader> header = load<IcmpHeader>(packet, view.transport_offset);
  if (!header) return Malformed::truncated_transport;
  view.icmp_type = header->type;
  view.icmp_code = header->code;
  if (!view.is_icmp_error()) return std::nullopt;
  if (view.is_too_big()) {
    view.icmp_mtu = header->next_hop_mtu.host();
    if (view.v6) view.icmp_mtu |= std::uint32_t{header->unused.host()} << 16U;
  }
  view.quoted = parse_quoted(packet, view.transport_offset + sizeof(IcmpHeader));
  if (view.quoted && view.quoted->v6 != view.v6) view.quoted.reset();
  return std::nullopt;
}

std::optional<Malformed> read_transport(Bytes packet, PacketView& view) noexcept {
  if (view.is_later_fragment()) return std::nullopt;
  if (view.is(IpProtocol::tcp)) return read_tcp(packet, view);
  if (view.is(IpProtocol::udp)) return read_udp(packet, view);
  if (view.is(IpProtocol::sctp)) return read_sctp(packet, view);
  if (view.is_icmp()) return read_icmp(packet, view);
  return std::nullopt;
}

// The start of every transport header that has ports.
struct PortPair {
  Be16 source, destination;
};

// The family of an address is told by its value, so one family must not come in the other's packet.
bool is_disguised(const Ipv6Header& header) {
  return header.source.is_v4() || header.destination.is_v4();
}

std::optional<Malformed> read_ipv6(Bytes bytes, PacketView& view) noexcept {
  const std::optional<Ipv6Header> header = load<Ipv6Header>(bytes);
  if (!header) return Malformed::truncated_ip;
  const std::size_t total = sizeof(Ipv6Header) + header->payload_length.host();
  if (total > bytes.size()) return Malformed::truncated_ip;
  if (is_disguised(*header)) return Malformed::bad_ip_address;
  const std::optional<HeaderChain> chain = walk_extensions(bytes.first(total), 0);
  if (!chain) return Malformed::truncated_transport;
  view.tuple.source = header->source;
  view.tuple.destination = header->destination;
  view.tuple.protocol = chain->protocol;
  view.total_length = static_cast<std::uint32_t>(total);
  view.transport_offset = static_cast<std::uint16_t>(chain->end);  // of 16 headers at most
  view.payload_offset = view.total_length;
  view.ttl = header->hop_limit;
  view.tos = header->traffic_class();
  view.dont_fragment = view.v6 = true;
  if (chain->has_fragment()) {
    view.fragment_offset = static_cast<std::uint16_t>(chain->fragment.fragment_offset());
    view.ip_id = chain->fragment.id.host();
    view.more_fragments = chain->fragment.more_fragments();
  }
  return std::nullopt;
}

bool is_v6(Bytes bytes, std::size_t offset = 0) {
  return offset < bytes.size() && std::to_integer<unsigned>(bytes[offset]) >> 4U == 6;
}

std::optional<QuotedPacket> quoted_headers_v6(Bytes bytes, std::size_t offset) noexcept {
  const std::optional<Ipv6Header> header = load<Ipv6Header>(bytes, offset);
  const std::optional<HeaderChain> chain = walk_extensions(bytes, offset);
  if (!header || !chain || is_disguised(*header)) return std::nullopt;
  if (chain->end > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  QuotedPacket quoted;
  quoted.tuple.source = header->source;
  quoted.tuple.destination = header->destination;
  quoted.tuple.protocol = chain->protocol;
  quoted.offset = static_cast<std::uint16_t>(offset);
  quoted.transport_offset = static_cast<std::uint16_t>(chain->end);
  quoted.fragment_offset = static_cast<std::uint16_t>(chain->fragment.fragment_offset());
  quoted.dont_fragment = quoted.v6 = true;
  return quoted;
}

// The quoted checksum and total length are not judged: routers quote the header as they had changed
// it, and the quotation is shorter than the packet was.
std::optional<QuotedPacket> quoted_headers_v4(Bytes bytes, std::size_t offset) noexcept {
  const std::optional<Ipv4Header> header = load<Ipv4Header>(bytes, offset);
  if (!header || header->version() != 4) return std::nullopt;
  const std::size_t header_length = header->header_length();
  if (header_length < kMinimumHeader || header_length > bytes.size() - offset) return std::nullopt;
  const std::size_t transport = offset + header_length;
  if (transport > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;

  QuotedPacket quoted;
  quoted.tuple.source = header->source;
  quoted.tuple.destination = header->destination;
  quoted.tuple.protocol = header->protocol;
  quoted.offset = static_cast<std::uint16_t>(offset);
  quoted.transport_offset = static_cast<std::uint16_t>(transport);
  quoted.fragment_offset = static_cast<std::uint16_t>(header->fragment_offset());
  quoted.dont_fragment = header->dont_fragment();
  return quoted;
}

}  // namespace

std::optional<Malformed> parse_packet(Bytes bytes, PacketView& view) noexcept {
  const std::optional<Malformed> malformed =
      is_v6(bytes) ? read_ipv6(bytes, view) : read_ip(bytes, view);
  if (malformed) return malformed;
  return read_transport(bytes.first(view.total_length), view);
}

Result<PacketView, Malformed> parse_packet(Bytes bytes) noexcept {
  PacketView view;
  if (const auto malformed = parse_packet(bytes, view)) return Unexpected{*malformed};
  return view;
}

std::optional<QuotedPacket> parse_quoted(Bytes bytes, std::size_t offset) noexcept {
  std::optional<QuotedPacket> quoted =
      is_v6(bytes, offset) ? quoted_headers_v6(bytes, offset) : quoted_headers_v4(bytes, offset);
  if (!quoted || quoted->fragment_offset != 0 || !carries_ports(quoted->tuple.protocol)) {
    return quoted;
  }
  const std::optional<PortPair> ports = load<PortPair>(bytes, quoted->transport_offset);
  if (!ports) return std::nullopt;
  set_ports(quoted->tuple, ports->source, ports->destination);
  quoted->has_ports = true;
  return quoted;
}

}  // namespace lvsd
