// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/segment.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

struct Place {
  std::size_t number, from;
  bool last;
};

void write_ip(std::span<std::byte> head, const PacketView& view, const Place& place,
              std::size_t length) {
  if (view.v6) {
    Ipv6Header header = *load<Ipv6Header>(head);
    header.payload_length = Be16(static_cast<std::uint16_t>(length - sizeof(Ipv6Header)));
    store(head, header);
    return;
  }
  Ipv4Header header = *load<Ipv4Header>(head);
  header.total_length = Be16(static_cast<std::uint16_t>(length));
  header.id = Be16(static_cast<std::uint16_t>(header.id.host() + place.number));
  finish_checksum(header, head.subspan(sizeof header, view.transport_offset - sizeof header));
  store(head, header);
}

void write_tcp(std::span<std::byte> head, std::span<const std::byte> payload,
               const PacketView& view, const Place& place) {
  TcpHeader header = *load<TcpHeader>(head, view.transport_offset);
  header.sequence = Be32(static_cast<std::uint32_t>(header.sequence.host() + place.from));
  unsigned flags = header.flags;
  if (!place.last) flags &= ~unsigned{TcpHeader::kFin | TcpHeader::kPsh};
  if (place.number != 0) flags &= ~unsigned{TcpHeader::kCwr};
  header.flags = static_cast<std::uint8_t>(flags);
  header.checksum = Be16();
  store(head, header, view.transport_offset);

  const auto covered = head.subspan(view.transport_offset);
  ChecksumSum sum;
  const std::size_t length = covered.size() + payload.size();
  if (view.v6) {
    const Ipv6Header ip = *load<Ipv6Header>(head);
    sum.add_pseudo(ip.source, ip.destination, view.tuple.protocol, length);
  } else {
    const Ipv4Header ip = *load<Ipv4Header>(head);
    sum.add_pseudo(ip.source, ip.destination, view.tuple.protocol, length);
  }
  sum.add(covered);
  sum.add(payload);
  header.checksum = sum.finish();
  store(head, header, view.transport_offset);
}

}  // namespace

void cut_to_segments(std::span<const std::byte> packet, const PacketView& view, std::size_t size,
                     std::size_t room, Emissions& memory, std::vector<Segment>& segments) {
  const auto headers = packet.first(view.payload_offset);
  const auto payload = packet.subspan(headers.size(), view.total_length - headers.size());
  std::size_t number = 0;
  for (std::size_t from = 0; from < payload.size(); from += size, ++number) {
    const std::size_t length = std::min(size, payload.size() - from);
    const Place place{number, from, from + length == payload.size()};
    const std::span<std::byte> all = memory.allocate(room + headers.size());
    const std::span<std::byte> head = all.subspan(room);
    std::memcpy(head.data(), headers.data(), headers.size());
    write_ip(head, view, place, headers.size() + length);
    write_tcp(head, payload.subspan(from, length), view, place);
    segments.push_back({all, payload.subspan(from, length)});
  }
}

}  // namespace lvsd
