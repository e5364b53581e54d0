// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/lc.h"

#include "lvsd/sched/least.h"

namespace lvsd {

std::optional<std::size_t> LeastConnection::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  return least(pool, overhead, [](const DestinationState&) { return std::uint64_t{1}; });
}

void LeastConnection::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                              bool /*weights_changed*/) {}

}  // namespace lvsd
