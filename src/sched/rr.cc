// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/rr.h"

namespace lvsd {

std::optional<std::size_t> RoundRobin::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  const std::size_t size = pool.size();
  const std::size_t first = last_ ? *last_ + 1 : 0;
  for (std::size_t step = 0; step < size; ++step) {
    const std::size_t i = (first + step) % size;  // once around, the last taken one comes last
    if (!pool[i].usable()) continue;
    last_ = i;
    return i;
  }
  return std::nullopt;
}

void RoundRobin::changed(const Pool& next, std::span<const DestinationId> old_order,
                         bool /*weights_changed*/) {
  last_ = carried_over(last_, old_order, next);
}

}  // namespace lvsd
