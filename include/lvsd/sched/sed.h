// SPDX-License-Identifier: GPL-2.0-or-later
// Shortest expected delay (`sed`, reference section 4.4): the usable destination where a new
// connection would wait least, by active connections, the new one included, for each unit of
// weight. Inactive connections do not count, so UDP always finds the one with the largest weight.
#pragma once

#include <cstdint>

#include "lvsd/sched/key.h"

namespace lvsd {

// To be divided by the weight.
inline std::uint64_t delay(const DestinationState& state) {
  return std::uint64_t{state.all_active()} + 1;
}

class ShortestExpectedDelay {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<ShortestExpectedDelay>);

}  // namespace lvsd
