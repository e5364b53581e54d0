// SPDX-License-Identifier: GPL-2.0-or-later
// What was refused lately, and why: the last packets that were dropped, and those that were left to
// the host because they belong to no connection of a service that they ask for (the host answers
// with a reset). Bounded in number and in bytes of each; the memory is taken by the first ones and
// kept. A packet that is forwarded costs nothing here, one that is dropped a copy of its start.
//
// And of each service the last connections that began (director/state.h): what was asked for, and
// where it went.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/time.h"

namespace lvsd {

// The last `limit` of what was added.
template <class T>
class Ring {
 public:
  // A place for one more, the oldest's where there is no other; null where the limit is 0.
  T* next(std::size_t limit) {
    if (limit == 0 || entries_.size() > limit) forget(limit);  // it was lowered
    if (limit == 0) return nullptr;
    if (entries_.size() < limit) {
      if (oldest_ != 0) forget(entries_.size());  // it was raised: in order again
      return &entries_.emplace_back();
    }
    T* const place = &entries_[oldest_];
    oldest_ = (oldest_ + 1) % limit;
    return place;
  }
  std::vector<T> list() const {  // oldest first
    std::vector<T> all;
    all.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      all.push_back(entries_[(oldest_ + i) % entries_.size()]);
    }
    return all;
  }

 private:
  void forget(std::size_t kept) {
    std::vector<T> all = list();
    if (all.size() > kept) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(kept));
    entries_ = std::move(all);
    oldest_ = 0;
  }

  std::vector<T> entries_;
  std::size_t oldest_ = 0;
};

struct RefusedPacket {
  TimePoint time{};
  std::string_view reason;       // the name, as in lvsd(8)
  std::uint32_t length = 0;      // of the whole packet
  std::vector<std::byte> bytes;  // its start, from the IP header on
};

struct RecordedDecision {
  TimePoint time{};
  std::uint8_t protocol = 0;
  Endpoint client, virtual_end, destination;
};

class Recorder {
 public:
  void set_limits(const RecorderLimits& limits) { limits_ = limits; }
  const RecorderLimits& limits() const { return limits_; }

  void add(TimePoint time, std::string_view reason, std::span<const std::byte> packet);
  std::vector<RefusedPacket> list() const { return ring_.list(); }

 private:
  RecorderLimits limits_;
  Ring<RefusedPacket> ring_;
};

}  // namespace lvsd
