// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/nq.h"

#include "lvsd/sched/sed.h"

namespace lvsd {

std::optional<std::size_t> NeverQueue::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!pool[i].usable()) continue;
    if (pool[i].all_active() == 0) return i;
    if (!best || shorter_delay(pool[i], pool[*best])) best = i;
  }
  return best;
}

void NeverQueue::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                         bool /*weights_changed*/) {}

}  // namespace lvsd
