// SPDX-License-Identifier: GPL-2.0-or-later
// Time as the core knows it: a parameter. Live it is CLOCK_MONOTONIC read once per wake-up, in
// replay the capture's own timestamps. Only differences mean anything.
#pragma once

#include <chrono>

namespace lvsd {

using Duration = std::chrono::nanoseconds;

struct DirectorClock {  // no now(): the core cannot read it
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<DirectorClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = DirectorClock::time_point;

}  // namespace lvsd
