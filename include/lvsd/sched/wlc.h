// SPDX-License-Identifier: GPL-2.0-or-later
// Weighted least connection (`wlc`, reference section 4.4): the usable destination with the
// smallest overhead for its weight. Compared by cross multiplication, so nothing is rounded: an
// overhead below 2^41 times a weight below 2^16 fits 64 bits.
#pragma once

#include "lvsd/sched/key.h"
#include "lvsd/sched/lc.h"

namespace lvsd {

// a's overhead per weight is strictly smaller than b's.
inline bool less_loaded(const DestinationState& a, const DestinationState& b) {
  return overhead(a) * b.config.weight.value() < overhead(b) * a.config.weight.value();
}

// The choice itself, which lblc and lblcr fall back to.
std::optional<std::size_t> least_loaded(const Pool& pool);

class WeightedLeastConnection {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
};
static_assert(SchedulerLike<WeightedLeastConnection>);

}  // namespace lvsd
