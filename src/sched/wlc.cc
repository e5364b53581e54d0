// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/wlc.h"

#include "lvsd/sched/lc.h"

namespace lvsd {
namespace {

// a's overhead per weight is strictly smaller than b's.
bool less_loaded(const DestinationState& a, const DestinationState& b) {
  return overhead(a) * b.config.weight.value() < overhead(b) * a.config.weight.value();
}

}  // namespace

std::optional<std::size_t> WeightedLeastConnection::pick(const Pool& pool,
                                                         const ScheduleKey& /*key*/) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (!pool[i].usable()) continue;
    if (!best || less_loaded(pool[i], pool[*best])) best = i;
  }
  return best;
}

void WeightedLeastConnection::changed(const Pool& /*next*/,
                                      std::span<const DestinationId> /*old_order*/,
                                      bool /*weights_changed*/) {}

}  // namespace lvsd
