// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/tcp_stream.h"

#include <cstring>

#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

constexpr std::size_t kSequence = 4, kAcknowledgment = 8, kChecksum = 16;  // RFC 9293 section 3.1
constexpr std::size_t kIpLength = 2, kIpChecksum = 10, kIpv6Length = 4;
constexpr std::uint8_t kOptionEnd = 0, kOptionNothing = 1, kOptionSack = 5;

// Serial number arithmetic (RFC 1982): whether a is behind b.
bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

std::uint32_t plus(std::uint32_t number, std::int32_t delta) {
  return number + static_cast<std::uint32_t>(delta);
}

template <WireHeader T>
T read(std::span<const std::byte> packet, std::size_t offset) {
  return load<T>(packet, offset).value_or(T{});
}

Be16 half(Be32 number, unsigned shift) {
  return Be16(static_cast<std::uint16_t>(number.host() >> shift & 0xffffU));
}

// Writes a number that may lie at an odd offset, as options do; the checksum's words then are made
// of the bytes beside it.
void replace_number(std::span<std::byte> packet, std::size_t at, std::uint32_t next,
                    std::size_t transport, ChecksumDelta& delta) {
  const Be32 old = read<Be32>(packet, at), now(next);
  if ((at - transport) % 2 == 0) {
    delta.replace(half(old, 16), half(now, 16));
    delta.replace(half(old, 0), half(now, 0));
  } else {
    const auto swapped = [](Be16 word) {
      const std::uint16_t value = word.host();
      return Be16(static_cast<std::uint16_t>(value << 8U | value >> 8U));
    };
    delta.replace(swapped(half(old, 16)), swapped(half(now, 16)));
    delta.replace(swapped(half(old, 0)), swapped(half(now, 0)));
  }
  store(packet, now, at);
}

void apply(std::span<std::byte> packet, const PacketView& view, const ChecksumDelta& delta) {
  const std::size_t at = view.transport_offset + kChecksum;
  store(packet, delta.apply(read<Be16>(packet, at)), at);
}

void shift_sack(std::span<std::byte> packet, const PacketView& view, const SequenceShift& shift,
                ChecksumDelta& delta) {
  std::size_t at = view.transport_offset + sizeof(TcpHeader);
  while (at < view.payload_offset) {
    const auto kind = std::to_integer<std::uint8_t>(packet[at]);
    if (kind == kOptionEnd) return;
    if (kind == kOptionNothing) {
      ++at;
      continue;
    }
    if (view.payload_offset - at < 2) return;
    const auto length = std::to_integer<std::size_t>(packet[at + 1]);
    if (length < 2 || length > view.payload_offset - at) return;
    for (std::size_t edge = 2; kind == kOptionSack && edge + 4 <= length; edge += 4) {
      const std::uint32_t number = read<Be32>(packet, at + edge).host();
      replace_number(packet, at + edge, shift.acknowledged(number), view.transport_offset, delta);
    }
    at += length;
  }
}

void set_length(std::span<std::byte> packet, const PacketView& view) {
  if (view.v6) {
    const std::size_t behind = packet.size() - sizeof(Ipv6Header);
    store(packet, Be16(static_cast<std::uint16_t>(behind)), kIpv6Length);
    return;
  }
  store(packet, Be16(static_cast<std::uint16_t>(packet.size())), kIpLength);
  store(packet, Be16(), kIpChecksum);
  store(packet, internet_checksum(packet.first(view.transport_offset)), kIpChecksum);
}

Be16 tcp_checksum(std::span<const std::byte> packet, const PacketView& view) {
  const auto segment = packet.subspan(view.transport_offset);
  ChecksumSum sum;
  sum.add_pseudo(view.tuple.source, view.tuple.destination, view.tuple.protocol, segment.size());
  sum.add(segment);
  return sum.finish();
}

}  // namespace

void SequenceShift::record(std::uint32_t position, std::int32_t delta) {
  if (delta == 0 || (before_ != after_ && !is_after(position, position_))) return;
  position_ = position;
  before_ = after_;
  after_ += delta;
}

std::uint32_t SequenceShift::sent(std::uint32_t sequence) const {
  return plus(sequence, is_after(sequence, position_) ? after_ : before_);
}

std::uint32_t SequenceShift::acknowledged(std::uint32_t number) const {
  const bool behind = is_after(plus(number, -before_), position_);
  return plus(number, behind ? -after_ : -before_);
}

void shift_sequence(std::span<std::byte> packet, const PacketView& view,
                    const SequenceShift& shift) {
  const std::size_t at = view.transport_offset + kSequence;
  ChecksumDelta delta;
  replace_number(packet, at, shift.sent(read<Be32>(packet, at).host()), view.transport_offset,
                 delta);
  apply(packet, view, delta);
}

void shift_acknowledgment(std::span<std::byte> packet, const PacketView& view,
                          const SequenceShift& shift) {
  if ((view.tcp_flags & TcpHeader::kAck) == 0) return;
  const std::size_t at = view.transport_offset + kAcknowledgment;
  ChecksumDelta delta;
  replace_number(packet, at, shift.acknowledged(read<Be32>(packet, at).host()),
                 view.transport_offset, delta);
  shift_sack(packet, view, shift, delta);
  apply(packet, view, delta);
}

bool tcp_checksum_ok(std::span<const std::byte> packet, const PacketView& view) {
  return tcp_checksum(packet.first(view.total_length), view).raw() == 0;
}

std::size_t size_with(const PacketView& view, const PayloadChange& change) {
  return view.total_length - (change.end - change.begin) + change.text.size();
}

void write_with(std::span<const std::byte> packet, const PacketView& view,
                const PayloadChange& change, std::span<std::byte> out) {
  const std::size_t begin = view.payload_offset + change.begin;
  const std::size_t end = view.payload_offset + change.end;
  std::memcpy(out.data(), packet.data(), begin);
  std::memcpy(out.data() + begin, change.text.data(), change.text.size());
  std::memcpy(out.data() + begin + change.text.size(), packet.data() + end,
              view.total_length - end);
  set_length(out, view);
  const std::size_t at = view.transport_offset + kChecksum;
  store(out, Be16(), at);
  store(out, tcp_checksum(out, view), at);
}

}  // namespace lvsd
