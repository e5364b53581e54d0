// SPDX-License-Identifier: GPL-2.0-or-later
// Maglev hashing (`mh`, reference section 4.11): the client's address picks one of 4093 slots. Each
// destination has a permutation of the slots of its own, and they take turns in claiming the next
// free one of theirs, more often with a larger weight. A destination that comes or goes moves few
// clients of the others.
//
// Slots are claimed by the last weight above zero, so that quiescing moves nobody: its clients get
// no destination, or with the fallback flag one found by hashing on. The table is the one a kernel
// with the default CONFIG_IP_VS_MH_TAB_INDEX (12) on a 64-bit machine makes of the same list; a
// fleet may mix both. Beyond 4093 destinations, which the kernel refuses, the last own no slot.
#pragma once

#include <cstdint>
#include <vector>

#include "lvsd/sched/key.h"

namespace lvsd {

class Maglev {
 public:
  explicit Maglev(SchedulerFlags flags = {}) : flags_(flags) {}
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  SchedulerFlags flags_;
  std::vector<std::uint32_t> owners_;  // of the slots, index into the pool; empty: no owners at all
};
static_assert(SchedulerLike<Maglev>);

}  // namespace lvsd
