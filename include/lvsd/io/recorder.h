// SPDX-License-Identifier: GPL-2.0-or-later
// What a worker refused lately, and why: the last packets that were dropped, and those that were
// left to the host because they belong to no connection of a service that they ask for (the host
// answers with a reset). Bounded in number and in bytes of each; the memory is taken by the first
// ones and kept. A packet that is forwarded costs nothing here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lvsd/model/time.h"
#include "lvsd/model/verdict.h"

namespace lvsd {

struct RefusedPacket {
  TimePoint time{};
  std::string_view reason;       // the name, as in lvsd(8)
  std::uint32_t length = 0;      // of the whole packet
  std::vector<std::byte> bytes;  // its start, from the IP header on
};

class Recorder {
 public:
  static constexpr std::size_t kPackets = 256, kBytes = 256;

  void add(TimePoint time, const Verdict& verdict, std::span<const std::byte> packet);
  std::vector<RefusedPacket> list() const;  // oldest first

 private:
  std::vector<RefusedPacket> ring_;
  std::size_t next_ = 0;  // the oldest, once there are kPackets
};

}  // namespace lvsd
