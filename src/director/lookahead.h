// SPDX-License-Identifier: GPL-2.0-or-later
// What the next packets of a batch will read of the connection table, fetched while those before
// them are handled: with many connections neither bucket nor entry is in a near cache, and waiting
// for both is a fifth of what the core takes for a packet (bench: core_packets capture and
// capture-unforeseen). Nothing is decided by it.
#pragma once

#include <array>
#include <span>

#include "lvsd/director/connection_table.h"

namespace lvsd {

class Lookahead {
 public:
  // A packet that will be handled Director::kExpected calls from now. `replies`: it may be one of a
  // real server's, whose connection is found by the other end.
  void expect(const ConnectionTable& table, std::span<const std::byte> packet, bool replies);

 private:
  // Up to so many connections the second hash costs more than it saves.
  static constexpr std::uint32_t kSmall = 16384;
  // An entry is known once its bucket is there, so it follows this many packets later.
  static constexpr std::size_t kBehind = 4;
  // Of each packet a bucket for either end. Bucket 0 stands for none: reading it does no harm.
  std::array<std::array<std::uint32_t, 2>, kBehind> buckets_{};
  std::size_t next_ = 0;
};

}  // namespace lvsd
