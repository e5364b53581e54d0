// SPDX-License-Identifier: GPL-2.0-or-later
// Round robin (`rr`, reference section 4.2): the next usable destination behind the one taken last.
// A weight only says whether a destination takes part. The place in the list survives changes to
// it, so a reload does not send the next connections to the first destination again.
#pragma once

#include "lvsd/sched/key.h"
#include "lvsd/sched/position.h"

namespace lvsd {

class RoundRobin {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  PoolPosition last_;
};
static_assert(SchedulerLike<RoundRobin>);

}  // namespace lvsd
