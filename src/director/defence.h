// SPDX-License-Identifier: GPL-2.0-or-later
// The strategies against overload (reference section 2.8), all of them off by default. Once a
// second it is judged whether memory is short, which is what the automatic modes go by.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "lvsd/model/ipvs_options.h"
#include "lvsd/model/time.h"

namespace lvsd {

class Defence {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);

  // Free memory in pages of 4 KiB; a capture has none to be short of.
  void set_available(std::uint64_t pages) { available_ = pages; }
  // To be called every kPeriod, and when the options change.
  void judge(const IpvsOptions& options);

  // Whether the first packet of a connection is to be dropped: one of `rate`.
  bool takes_packet();
  // Whether an idle connection of so many packets is to be dropped: one of k with k packets, 1
  // to 8.
  bool takes_entry(std::uint64_t packets);
  bool drops_entries() const { return drop_entry_; }
  bool secure_tcp() const { return secure_tcp_; }

  // The next second, while any of the strategies may become active.
  std::optional<TimePoint> next_deadline() const { return next_; }
  void schedule(TimePoint now, const IpvsOptions& options);

 private:
  bool active(DefenceMode mode, const IpvsOptions& options) const;

  std::uint64_t available_ = std::numeric_limits<std::uint64_t>::max();
  bool drop_entry_ = false, secure_tcp_ = false;
  std::uint64_t rate_ = 0, counter_ = 0;  // of drop_packet; rate 0: none
  std::array<std::uint64_t, 9> entry_counters_{};
  std::optional<TimePoint> next_;
};

}  // namespace lvsd
