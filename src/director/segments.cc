// SPDX-License-Identifier: GPL-2.0-or-later
// TCP packets that are not what the wire will carry: super-packets, which are cut to segments no
// larger than their sender's own, and checksums that a device is to finish. (The kernel says that a
// packet is aggregated, but not of segments of what size.)
#include <algorithm>

#include "lvsd/forward/rewrite.h"
#include "state.h"

namespace lvsd {
namespace {

// Nobody's segments are smaller for the path's sake, whatever an error says, which anybody can
// send: net.ipv4.route.min_pmtu, and RFC 8200 section 5, less both headers.
constexpr std::size_t kLeastOfPath = 512, kLeastOfPathV6 = 1220;
// What an end announces of itself counts below that, too. But what is less than the kernel's own
// TCP_MIN_MSS, which no stack needs, would let a peer have one packet cut into a thousand.
constexpr std::size_t kLeastAnnounced = 88;
// What a path carries that nothing is known of: Ethernet's MTU, as an MSS.
constexpr std::size_t kUsual = 1460, kUsualV6 = 1440;

std::size_t tcp_options(const PacketView& view) {
  return view.payload_offset - view.transport_offset - sizeof(TcpHeader);
}

std::uint16_t smaller(std::uint16_t known, std::size_t limit, std::size_t least) {
  const auto bounded = static_cast<std::uint16_t>(std::clamp<std::size_t>(limit, least, 65535));
  return known == 0 ? bounded : std::min(known, bounded);
}

std::uint16_t& segment_towards(Connection& connection, Direction direction) {
  return direction == Direction::request ? connection.segment_to_server
                                         : connection.segment_to_client;
}

// The largest payload of a segment that fits `mtu` and is none larger than the sender's; 0: not
// even one byte fits.
std::size_t segment_payload(const PacketView& view, std::uint16_t known, std::size_t mtu) {
  if (mtu <= view.payload_offset) return 0;
  const std::size_t limit = known != 0 ? known : view.v6 ? kUsualV6 : kUsual;
  return std::min(mtu - view.payload_offset, limit - std::min(limit - 1, tcp_options(view)));
}

}  // namespace

// Either end's MSS bounds both directions: nobody sends larger segments than the other end takes,
// nor, on the same interface, than it takes itself. Later a single segment from the middle of a
// write (one without PSH) shows what its sender makes now: after its path became narrower, say, and
// nobody told us.
void Director::State::learn_segment(Connection& connection, const Passage& passage,
                                    Direction direction) {
  const PacketView& view = passage.view;
  if (!view.is(IpProtocol::tcp)) return;
  if (view.tcp_mss != 0) {
    connection.segment_to_server =
        smaller(connection.segment_to_server, view.tcp_mss, kLeastAnnounced);
    connection.segment_to_client =
        smaller(connection.segment_to_client, view.tcp_mss, kLeastAnnounced);
    return;
  }
  constexpr unsigned kNotMiddle = TcpHeader::kSyn | TcpHeader::kFin | TcpHeader::kPsh;
  if (passage.packet.offload().aggregated || (view.tcp_flags & kNotMiddle) != 0) return;
  if (view.total_length == view.payload_offset) return;
  const std::size_t size = view.total_length - view.payload_offset + tcp_options(view);
  std::uint16_t& segment = segment_towards(connection, direction);
  // A smaller one than any path asks for and either end announced: a window's rest, not a segment.
  if (size < kLeastOfPath && (segment == 0 || size < segment)) [[unlikely]]
    return;
  segment = static_cast<std::uint16_t>(size);  // as part of an IP packet
}

// An ICMP error about a packet towards there says what the path takes.
void Director::State::limit_segment(Connection& connection, Direction direction,
                                    const PacketView& error) {
  const std::size_t headers =
      (error.v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header)) + sizeof(TcpHeader);
  if (!error.is_too_big() || error.icmp_mtu <= headers) return;
  std::uint16_t& segment = segment_towards(connection, direction);
  segment = smaller(segment, error.icmp_mtu - headers, error.v6 ? kLeastOfPathV6 : kLeastOfPath);
}

// Whether a packet that is too large for its tunnel is to be cut as its sender would have.
bool Director::State::becomes_segments(const Passage& passage, const Context& context) const {
  const PacketView& view = passage.view;
  return view.is(IpProtocol::tcp) && view.fragment_offset == 0 && !view.more_fragments &&
         view.payload_offset < view.total_length && oversize_of(context) == Oversize::split;
}

// A checksum that somebody will read or sum up has to be there.
void Director::State::finish(const Passage& passage) {
  if (!passage.packet.offload().unfinished_checksum) return;
  finish_tcp_checksum(passage.packet.bytes(), passage.view);
  passage.packet.set_offload(
      {.unfinished_checksum = false, .aggregated = passage.packet.offload().aggregated});
}

Verdict Director::State::send_unfinished(const Passage& passage, const Connection& connection,
                                         const ResolvedRoute& route, std::size_t mtu,
                                         const Context& context) {
  const PacketView& view = passage.view;
  const std::span<std::byte> packet = passage.packet.bytes();
  const std::uint16_t known = context.direction == Direction::request
                                  ? connection.segment_to_server
                                  : connection.segment_to_client;
  const bool aggregated = passage.packet.offload().aggregated;
  const std::size_t size = aggregated ? segment_payload(view, known, mtu) : 0;
  if (aggregated && size == 0) return drop(DropReason::mtu_too_small);
  const bool cut = aggregated && view.total_length - view.payload_offset > size;
  pieces.clear();
  if (route.has_mac && (cut || packet.size() <= mtu)) {
    begin_tcp_checksum(packet, view);
    pieces.push_back({{},
                      packet,
                      {.transport_offset = view.transport_offset,
                       .segment_size = static_cast<std::uint16_t>(cut ? size : 0)}});
  } else if (cut) {
    segments.clear();
    cut_to_segments(packet, view, size, 0, passage.out, segments);
    for (const Segment& segment : segments) pieces.push_back({segment.head, segment.payload});
  } else {
    finish_tcp_checksum(packet, view);
    return settle(egress.send(packet, route, mtu, patience_of(context), passage.now, passage.out),
                  context);
  }
  return settle(egress.send(pieces, route, patience_of(context), passage.now, passage.out),
                context);
}

Verdict Director::State::send_segments(const Passage& passage, const Connection& connection,
                                       const Tunnel& tunnel, const OuterHeader& outer,
                                       const ResolvedRoute& route, std::size_t mtu,
                                       const Context& context) {
  const PacketView& view = passage.view;
  const std::size_t size = segment_payload(view, connection.segment_to_server, mtu);
  if (size == 0) return drop(DropReason::mtu_too_small);
  segments.clear();
  pieces.clear();
  cut_to_segments(passage.packet.bytes(), view, size,
                  tunnel_overhead(tunnel, !outer.destination.is_v4()), passage.out, segments);
  OuterHeader own = outer;
  for (const Segment& segment : segments) {
    own.id = next_id++;
    write_tunnel_headers(segment.head, segment.payload, view, tunnel, own);
    pieces.push_back({segment.head, segment.payload});
  }
  return settle(egress.send(pieces, route, patience_of(context), passage.now, passage.out),
                context);
}

}  // namespace lvsd
