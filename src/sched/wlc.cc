// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/wlc.h"

namespace lvsd {

std::optional<std::size_t> least_loaded(const Pool& pool) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!pool[i].usable()) continue;
    if (!best || less_loaded(pool[i], pool[*best])) best = i;
  }
  return best;
}

std::optional<std::size_t> WeightedLeastConnection::pick(const Pool& pool,
                                                         const ScheduleKey& /*key*/) {
  return least_loaded(pool);
}

void WeightedLeastConnection::changed(const Pool& /*next*/,
                                      std::span<const DestinationId> /*old_order*/,
                                      bool /*weights_changed*/) {}

}  // namespace lvsd
