// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted overflow (`ovf`, reference section 4.5): as `fo`, but a destination with more active
// connections than its weight is full and the next one fills up. As many as its weight still leave
// room for one, so each ends with weight + 1; where all are full, nobody is picked. UDP connections
// are never active and never overflow.
#pragma once

#include "lvsd/sched/key.h"

namespace lvsd {

class WeightedOverflow {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<WeightedOverflow>);

}  // namespace lvsd
