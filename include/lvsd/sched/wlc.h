// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted least connection (`wlc`, reference section 4.4): the usable destination with the
// smallest overhead for its weight. Compared by cross multiplication, so nothing is rounded: an
// overhead below 2^41 times a weight below 2^16 fits 64 bits.
#pragma once

#include "lvsd/sched/key.h"

namespace lvsd {

class WeightedLeastConnection {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<WeightedLeastConnection>);

}  // namespace lvsd
