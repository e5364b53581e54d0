// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/wlc.h"

#include "lvsd/sched/least.h"

namespace lvsd {

std::optional<std::size_t> least_loaded(const Pool& pool) {
  return least(
      pool, [](const DestinationState& state) { return overhead(state); }, kByWeight);
}

std::optional<std::size_t> WeightedLeastConnection::pick(const Pool& pool,
                                                         const ScheduleKey& /*key*/) {
  return least_loaded(pool);
}

void WeightedLeastConnection::changed(const Pool& /*next*/,
                                      std::span<const DestinationId> /*old_order*/,
                                      bool /*weights_changed*/) {}

}  // namespace lvsd
