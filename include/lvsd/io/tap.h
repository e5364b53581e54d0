// SPDX-License-Identifier: GPL-2.0-or-later
// Packets as they pass, for `lvsctl trace` and `capture`: whoever listens has a tap in each worker,
// which keeps what matches until it is asked for. A tap that nobody asks for a few seconds is gone,
// so a listener that vanished costs nothing; it keeps a bounded number of packets and counts the
// others. While there is no tap, a packet pays one look at an empty list.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/director/decision.h"
#include "lvsd/model/emission.h"

namespace lvsd {

// A packet and its decision, with bytes of their own: they can leave the thread.
struct DecidedPacket {
  TimePoint time{};
  std::vector<std::byte> packet;  // as it came
  Decision decision;
  std::vector<Emission> emissions;  // of packets; their bytes are in `bytes`
  std::vector<std::vector<std::byte>> bytes;

  void own(const std::vector<Emission>& list, std::size_t from);
  std::size_t size() const;  // of the bytes
};

// All that is given has to match.
struct TapFilter {
  std::optional<Prefix> client;
  std::optional<ServiceKey> service;
  std::optional<IpAddress> destination;
  std::string verdict;  // "dropped", or a reason

  // `served`: the service of the destination that the decision names, where it names one.
  bool matches(const Decision& decision, const std::optional<ServiceKey>& served) const;
};

struct TapReply {
  std::vector<DecidedPacket> packets;
  std::uint64_t missed = 0;  // matched too, but there were too many
  std::size_t size = 0;      // of all packets' bytes
};

class Taps {
 public:
  static constexpr std::size_t kTaps = 8, kPackets = 256;
  // Of the packets that a tap keeps, as they came and as they went: super-packets of 64 KiB would
  // be 32 MiB, and twice that in hexadecimal on the control socket.
  static constexpr std::size_t kBytes = std::size_t{1} << 20U;
  static constexpr Duration kLease = std::chrono::seconds(5);

  bool empty() const { return taps_.empty(); }
  // What the tap of that id has; asked for the first time, it begins.
  TapReply take(std::uint32_t id, const TapFilter& filter, TimePoint now);
  // Drops taps that nobody asked for; whether any is left.
  bool wanted(TimePoint now);
  // `decided` is called for each tap that wants the packet.
  void see(const Decision& decision, const std::optional<ServiceKey>& served,
           const std::function<DecidedPacket()>& decided);

 private:
  struct Tap {
    std::uint32_t id = 0;
    TapFilter filter;
    TimePoint until{};
    TapReply seen;
  };
  std::vector<Tap> taps_;
};

}  // namespace lvsd
