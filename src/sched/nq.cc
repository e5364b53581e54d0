// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/nq.h"

#include "lvsd/sched/least.h"
#include "lvsd/sched/sed.h"

namespace lvsd {

std::optional<std::size_t> NeverQueue::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  const auto load = [](const DestinationState& state) {
    return state.all_active() == 0 ? 0 : delay(state);  // an idle one is less than any
  };
  return least(pool, load, kByWeight);
}

void NeverQueue::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                         bool /*weights_changed*/) {}

}  // namespace lvsd
