// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/lc.h"

namespace lvsd {

std::optional<std::size_t> LeastConnection::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!pool[i].usable()) continue;
    if (!best || overhead(pool[i]) < overhead(pool[*best])) best = i;
  }
  return best;
}

void LeastConnection::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                              bool /*weights_changed*/) {}

}  // namespace lvsd
