// SPDX-License-Identifier: GPL-2.0-or-later
// Least connection (`lc`, reference section 4.4): the usable destination with the smallest
// overhead, 256 * active + inactive: an active connection costs, an inactive one hardly, yet
// inactive ones still spread what comes before any is established. A weight only says whether one
// takes part.
#pragma once

#include <cstdint>

#include "lvsd/sched/key.h"

namespace lvsd {

inline std::uint64_t overhead(const DestinationState& state) {
  return std::uint64_t{state.all_active()} * 256 + state.all_inactive();
}

class LeastConnection {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<LeastConnection>);

}  // namespace lvsd
