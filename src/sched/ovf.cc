// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/ovf.h"

namespace lvsd {

std::optional<std::size_t> WeightedOverflow::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const DestinationState& state = pool[i];
    if (!state.usable() || state.all_active() > state.config.weight.value()) continue;
    if (!best || state.config.weight > pool[*best].config.weight) best = i;
  }
  return best;
}

void WeightedOverflow::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                               bool /*weights_changed*/) {}

}  // namespace lvsd
