// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted round robin (`wrr`, reference section 4.3): passes over the list under a threshold that
// sinks from the largest weight to the smallest in steps of their greatest common divisor. In each
// pass every usable destination whose weight reaches the threshold is taken once, so weights 4,3,2
// give A AB ABC ABC and shares are exact over one cycle.
//
// The kernel walks every pass, also those in which nobody can reach the threshold: with weights
// 65535 (overloaded) and 1 that is 65535 walks for each connection. Here the threshold falls at
// once to the highest weight that is usable, which skips only passes that choose nothing: the
// sequence is the same and a pick walks the list three times at most.
#pragma once

#include <cstdint>

#include "lvsd/sched/key.h"
#include "lvsd/sched/position.h"

namespace lvsd {

class WeightedRoundRobin {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  struct Measure {
    std::uint32_t divisor = 0, largest = 0;  // of all weights above zero
  };
  PoolPosition walk(const Pool& pool);
  void adopt(const Measure& measure);
  void sink(std::uint32_t highest_usable);
  void give_up();

  PoolPosition last_;
  std::uint32_t step_ = 1;       // the greatest common divisor of all weights above zero
  std::uint32_t top_ = 0;        // the threshold of a cycle's first pass; zero: all weights are
  std::uint32_t threshold_ = 0;  // of the current pass; one above a multiple of step_, or zero
};
static_assert(SchedulerLike<WeightedRoundRobin>);

}  // namespace lvsd
