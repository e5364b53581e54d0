// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted failover (`fo`, reference section 4.5): the usable destination with the largest weight
// takes every connection, the others stand by. Connection counts play no part.
#pragma once

#include "lvsd/sched/key.h"

namespace lvsd {

class WeightedFailover {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<WeightedFailover>);

}  // namespace lvsd
