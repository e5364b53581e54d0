// SPDX-License-Identifier: GPL-2.0-or-later
// Never queue (`nq`, reference section 4.4): the first usable destination without an active
// connection, even where another would be faster; where all are busy, as `sed`.
#pragma once

#include "lvsd/sched/key.h"

namespace lvsd {

class NeverQueue {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<NeverQueue>);

}  // namespace lvsd
