// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/sed.h"

#include "lvsd/sched/least.h"

namespace lvsd {

std::optional<std::size_t> ShortestExpectedDelay::pick(const Pool& pool,
                                                       const ScheduleKey& /*key*/) {
  return least(
      pool, [](const DestinationState& state) { return delay(state); }, kByWeight);
}

void ShortestExpectedDelay::changed(const Pool& /*next*/,
                                    std::span<const DestinationId> /*old_order*/,
                                    bool /*weights_changed*/) {}

}  // namespace lvsd
