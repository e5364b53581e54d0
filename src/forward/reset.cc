// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/reset.h"

#include "lvsd/forward/rewrite.h"
#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

constexpr std::uint8_t kTtl = 64;

TcpHeader answer_to(const TcpHeader& segment, const PacketView& view) {
  TcpHeader reset;
  reset.source = segment.destination;
  reset.destination = segment.source;
  reset.flags = TcpHeader::kRst;
  if ((segment.flags & TcpHeader::kAck) != 0) {
    reset.sequence = segment.acknowledgment;
    return reset;
  }
  std::uint32_t length = view.total_length - view.payload_offset;
  if ((segment.flags & TcpHeader::kSyn) != 0) ++length;
  if ((segment.flags & TcpHeader::kFin) != 0) ++length;
  reset.flags |= TcpHeader::kAck;
  reset.acknowledgment = Be32(segment.sequence.host() + length);
  return reset;
}

std::size_t put_ip_header(std::span<std::byte> packet, const PacketView& view) {
  if (view.v6) {
    Ipv6Header ip;
    ip.payload_length = Be16(std::uint16_t{sizeof(TcpHeader)});
    ip.next_header = static_cast<std::uint8_t>(IpProtocol::tcp);
    ip.hop_limit = kTtl;
    ip.source = view.tuple.destination;
    ip.destination = view.tuple.source;
    store(packet, ip);
    return sizeof(ip);
  }
  Ipv4Header ip;
  ip.total_length = Be16(static_cast<std::uint16_t>(packet.size()));
  ip.flags_offset = Be16(Ipv4Header::kDontFragment);  // so that it needs no id (RFC 6864)
  ip.ttl = kTtl;
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::tcp);
  ip.source = view.tuple.destination.v4();
  ip.destination = view.tuple.source.v4();
  finish_checksum(ip);
  store(packet, ip);
  return sizeof(ip);
}

}  // namespace

std::span<std::byte> make_reset(Emissions& memory, std::span<const std::byte> segment,
                                const PacketView& view) {
  const std::size_t ip_length = view.v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const std::span<std::byte> packet = memory.allocate(ip_length + sizeof(TcpHeader));
  const std::size_t at = put_ip_header(packet, view);
  TcpHeader reset =
      answer_to(load<TcpHeader>(segment, view.transport_offset).value_or(TcpHeader{}), view);
  ChecksumSum sum;
  sum.add_pseudo(view.tuple.destination, view.tuple.source, view.tuple.protocol, sizeof(TcpHeader));
  store(packet, reset, at);
  sum.add(packet.subspan(at));
  reset.checksum = sum.finish();
  store(packet, reset, at);
  return packet;
}

void become_reset(PacketBuffer& segment, const PacketView& view) {
  constexpr std::size_t kLengthV4 = 2, kChecksumV4 = 10, kLengthV6 = 4;
  const std::size_t length = view.transport_offset + sizeof(TcpHeader);
  const std::span<std::byte> bytes = segment.bytes();
  TcpHeader header = load<TcpHeader>(bytes, view.transport_offset).value_or(TcpHeader{});
  header.data_offset = TcpHeader{}.data_offset;
  header.flags = TcpHeader::kRst | (header.flags & TcpHeader::kAck);
  header.window = header.urgent = header.checksum = Be16{};
  store(bytes, header, view.transport_offset);
  if (view.v6) {
    store(bytes, Be16(static_cast<std::uint16_t>(length - sizeof(Ipv6Header))), kLengthV6);
  } else {
    const Be16 after(static_cast<std::uint16_t>(length));
    ChecksumDelta delta;
    delta.replace(load<Be16>(bytes, kLengthV4).value_or(Be16{}), after);
    store(bytes, after, kLengthV4);
    store(bytes, delta.apply(load<Be16>(bytes, kChecksumV4).value_or(Be16{})), kChecksumV4);
  }
  segment.truncate(length);
  segment.set_offload({});
  PacketView shorter = view;
  shorter.total_length = static_cast<std::uint32_t>(length);
  finish_tcp_checksum(segment.bytes(), shorter);
}

}  // namespace lvsd
