// SPDX-License-Identifier: GPL-2.0-or-later
// Destination hashing (`dh`, reference section 4.9): the virtual address picks one of 256 buckets,
// which the destinations own in turn, one each whatever their weight. Made for services that catch
// many addresses (transparent caches). A bucket whose owner is quiesced or overloaded gives nobody.
// As with `sh` only the first 256 destinations can own a bucket.
#pragma once

#include "lvsd/sched/key.h"

namespace lvsd {

class DestinationHash {
 public:
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  std::size_t owners_ = 0;  // bucket b belongs to b modulo this; zero: nobody is known yet
};
static_assert(SchedulerLike<DestinationHash>);

}  // namespace lvsd
