// SPDX-License-Identifier: GPL-2.0-or-later
// Locality-based least connection with replication (`lblcr`, reference section 4.8): as `lblc`, but
// an address has a set of destinations, which grows when the least loaded of it is overloaded, and
// loses its most loaded one when it did not grow for a day.
#pragma once

#include <vector>

#include "lvsd/sched/key.h"
#include "lvsd/sched/target_cache.h"

namespace lvsd {

class ReplicatedLeastConnection {
 public:
  ReplicatedLeastConnection(std::uint64_t seed, Duration expiration)
      : cache_(seed, expiration), expiration_(expiration) {}
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);
  void set_expiration(Duration expiration) {
    cache_.set_expiration(expiration);
    expiration_ = expiration;
  }
  template <class To>
  void rename(To to) {
    cache_.for_each([&to](Replicas& set) {
      for (DestinationId& id : set.members) id = to(id);
    });
  }

 private:
  struct Replicas {
    std::vector<DestinationId> members;  // the newest first
    TimePoint modified;
  };
  static std::optional<std::size_t> least_loaded_of(const Replicas& set, const Pool& pool);
  static void erase_most_loaded(Replicas& set, const Pool& pool, TimePoint now);

  TargetCache<Replicas> cache_;
  Duration expiration_;
};
static_assert(SchedulerLike<ReplicatedLeastConnection>);

}  // namespace lvsd
