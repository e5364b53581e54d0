// SPDX-License-Identifier: GPL-2.0-or-later
// Power of two choices (`twos`, reference section 4.6): two destinations drawn at random, each with
// a chance by its weight; the one with the smaller overhead for its weight takes the connection.
// Good spreading at the cost of two looks, and directors that do not know of each other do not all
// rush to the same destination.
//
// The draws come from a generator of its own, seeded at the start: a replay repeats them.
#pragma once

#include <cstdint>

#include "lvsd/sched/key.h"

namespace lvsd {

class PowerOfTwo {
 public:
  explicit PowerOfTwo(std::uint64_t seed) : state_(seed) {}
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  std::uint64_t draw(std::uint64_t most);  // 0..most

  std::uint64_t state_;
};
static_assert(SchedulerLike<PowerOfTwo>);

}  // namespace lvsd
