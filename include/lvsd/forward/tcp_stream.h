// SPDX-License-Identifier: GPL-2.0-or-later
// Changing what a TCP stream says while it passes: other bytes in one segment, and from then on
// other sequence numbers, in one direction's headers as numbers and in the other's as
// acknowledgments (reference section 7.5).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lvsd/net/packet_view.h"

namespace lvsd {

// By how much a stream's numbers are off behind the latest change of its length, and before it: a
// segment from before may still be sent again. Enough of the past to be right as long as changes
// are an exchange apart, as answers to commands are; the kernel's connection tracking remembers no
// more.
class SequenceShift {
 public:
  // The text at `position` of the original stream grew by `delta`. A position at or before one
  // recorded already is that text sent again.
  void record(std::uint32_t position, std::int32_t delta);
  std::uint32_t sent(std::uint32_t sequence) const;        // what the receiver gets to see
  std::uint32_t acknowledged(std::uint32_t number) const;  // what the sender gets to see
  bool none() const { return before_ == 0 && after_ == 0; }

 private:
  std::uint32_t position_ = 0;
  std::int32_t before_ = 0, after_ = 0;
};

// Rewrites the sequence number of a segment of that stream.
void shift_sequence(std::span<std::byte> packet, const PacketView& view,
                    const SequenceShift& shift);
// Rewrites the acknowledgment and the blocks of selective acknowledgments (RFC 2018) of a segment
// that flows the other way.
void shift_acknowledgment(std::span<std::byte> packet, const PacketView& view,
                          const SequenceShift& shift);

bool tcp_checksum_ok(std::span<const std::byte> packet, const PacketView& view);

// Text to put in place of [begin, end) of the payload.
struct PayloadChange {
  std::size_t begin = 0, end = 0;
  std::string_view text;
};
std::size_t size_with(const PacketView& view, const PayloadChange& change);
// The changed packet into `out`, which is of that size: lengths and all checksums made anew.
void write_with(std::span<const std::byte> packet, const PacketView& view,
                const PayloadChange& change, std::span<std::byte> out);

}  // namespace lvsd
