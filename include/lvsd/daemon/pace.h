// SPDX-License-Identifier: GPL-2.0-or-later
// Leaves the most of the time to others: after a piece of work that took t, the next one begins no
// earlier than kRest * t later, so that however many ask, a tenth of the time is what they get.
// Nobody is refused. What takes long because the machine is busy makes longer pauses, too, but none
// that whoever asks would give up in.
#pragma once

#include <algorithm>
#include <chrono>

namespace lvsd {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int kRest = 9;
  static constexpr std::chrono::seconds kLongest{1};

  Clock::time_point next() const { return next_; }  // when a piece may begin
  void worked(Clock::time_point from, Clock::time_point to) {
    next_ = to + std::min<Clock::duration>(kRest * (to - from), kLongest);
  }

 private:
  Clock::time_point next_{};
};

}  // namespace lvsd
