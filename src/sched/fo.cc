// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/fo.h"

namespace lvsd {

std::optional<std::size_t> WeightedFailover::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!pool[i].usable()) continue;
    if (!best || pool[i].config.weight > pool[*best].config.weight) best = i;
  }
  return best;
}

void WeightedFailover::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                               bool /*weights_changed*/) {}

}  // namespace lvsd
