// SPDX-License-Identifier: GPL-2.0-or-later
// Locality-based least connection (`lblc`, reference section 4.7): an address that clients ask for
// keeps its destination, which has it in its cache by now, until that one has more connections
// than its weight while another is half idle; then, and for an address not seen before, `wlc`
// decides. Like `dh` made for services that catch many addresses.
#pragma once

#include "lvsd/sched/key.h"
#include "lvsd/sched/target_cache.h"

namespace lvsd {

// More active connections than its weight, while some destination has not half of its own.
bool locally_overloaded(const DestinationState& state, const Pool& pool);

// Its place in the pool, or nothing once it is gone.
std::optional<std::size_t> place_of(DestinationId id, const Pool& pool);

class LocalityLeastConnection {
 public:
  LocalityLeastConnection(std::uint64_t seed, Duration expiration) : cache_(seed, expiration) {}
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
  void set_expiration(Duration expiration) { cache_.set_expiration(expiration); }
  template <class To>
  void rename(To to) {
    cache_.for_each([&to](DestinationId& id) { id = to(id); });
  }

 private:
  TargetCache<DestinationId> cache_;
};
static_assert(SchedulerLike<LocalityLeastConnection>);

}  // namespace lvsd
