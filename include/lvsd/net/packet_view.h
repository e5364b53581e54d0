// SPDX-License-Identifier: GPL-2.0-or-later
// A packet parsed once into a flat struct. After parse_packet() nobody reads raw header offsets
// again: everything the director decides by is a field here.
//
// IPv4 with options, IPv6 with its extension headers, TCP, UDP, SCTP, and ICMP errors with the
// packet that they quote. A later fragment (offset above 0) has no ports, whatever its protocol.
// Bytes behind the IP total length (Ethernet padding) are ignored. An ICMP error needs only the 8
// quoted bytes that RFC 792 promises. Where the families' names differ, fields have the IPv4 one:
// tos is the traffic class, ttl the hop limit, and the protocol is what follows the extension
// headers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"
#include "lvsd/net/result.h"

namespace lvsd {

// Why bytes are no packet. Each is also a DropReason of the same name.
enum class Malformed : std::uint8_t {
  truncated_ip,    // fewer bytes than the IP header, or than its total length says
  bad_ip_version,  // neither 4 nor 6
  bad_ip_length,   // header length below 20, or total length below header length
  bad_ip_checksum,
  truncated_transport,  // the TCP, UDP, SCTP or ICMP header is cut short, or an extension header is
  bad_tcp_length,       // data offset below 20 or beyond the packet
  bad_ip_address,       // an IPv6 address that stands for an IPv4 one (::ffff:192.0.2.1)
};

// An address and port pair as the packet has it. Ports are zero where there are none.
struct Tuple {
  IpAddress source, destination;
  Port source_port, destination_port;
  std::uint8_t protocol = 0;
  friend bool operator==(const Tuple&, const Tuple&) = default;
};

// The packet quoted inside an ICMP error: offsets from the start of the outer IP header.
struct QuotedPacket {
  Tuple tuple;
  std::uint16_t offset = 0;            // of the quoted IP header
  std::uint16_t transport_offset = 0;  // of the quoted TCP, UDP, ... header
  std::uint16_t fragment_offset = 0;   // in bytes; above 0 the ports are meaningless (and zero)
  bool dont_fragment = false;          // always in IPv6
  bool has_ports = false;
  bool v6 = false;
};

struct PacketView {
  Tuple tuple;
  std::uint32_t total_length = 0;      // from the IP header on, in bytes
  std::uint16_t transport_offset = 0;  // length of the IP header with its options or extensions
  std::uint16_t fragment_offset = 0;   // in bytes
  std::uint32_t payload_offset = 0;  // behind the TCP, UDP or SCTP header; total_length where none
  std::uint32_t ip_id = 0;           // in IPv6 that of the fragment header, if there is one
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  std::uint8_t tcp_flags = 0;
  std::uint16_t tcp_mss = 0;  // what a SYN announces (RFC 9293 section 3.7.1); 0: nothing
  std::optional<std::uint8_t> sctp_chunk;  // type of the first one, where there is one
  bool sctp_cookie_abort = false;          // the first is a COOKIE, and an ABORT follows it
  std::uint8_t icmp_type = 0, icmp_code = 0;
  std::uint32_t icmp_mtu = 0;  // of an error that says "too big"
  bool dont_fragment = false;  // always in IPv6: only its sender cuts a packet
  bool more_fragments = false;
  bool has_ports = false;
  bool v6 = false;
  std::optional<QuotedPacket> quoted;  // of an ICMP error with a readable quotation

  bool is(IpProtocol p) const { return tuple.protocol == static_cast<std::uint8_t>(p); }
  bool is_later_fragment() const { return fragment_offset != 0; }
  bool is_icmp() const { return is(v6 ? IpProtocol::icmpv6 : IpProtocol::icmp); }
  bool is_icmp_error() const {
    return is_icmp() && (v6 ? icmpv6::is_error(icmp_type) : icmp::is_error(icmp_type));
  }
  bool is_too_big() const {  // an error that names the MTU of the path
    if (v6) return is_icmp() && icmp_type == icmpv6::kPacketTooBig;
    return is_icmp() && icmp_type == icmp::kDestinationUnreachable &&
           icmp_code == icmp::kFragmentationNeeded;
  }
};

Result<PacketView, Malformed> parse_packet(std::span<const std::byte> bytes) noexcept;
// The same into a fresh view, which is then not copied: one in seven of a packet's instructions.
std::optional<Malformed> parse_packet(std::span<const std::byte> bytes, PacketView& view) noexcept;

// The packet that starts at `offset` and may be cut anywhere behind its ports, as in an ICMP error
// or inside a tunnel. Nothing where not even those are there; protocols without ports need only the
// IP header, so an IPIP packet gives the offset at which to look for the inner one.
std::optional<QuotedPacket> parse_quoted(std::span<const std::byte> bytes,
                                         std::size_t offset) noexcept;

}  // namespace lvsd
