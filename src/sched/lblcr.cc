// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/lblcr.h"

#include <algorithm>

#include "lvsd/sched/lblc.h"
#include "lvsd/sched/wlc.h"

namespace lvsd {

std::optional<std::size_t> ReplicatedLeastConnection::pick(const Pool& pool,
                                                           const ScheduleKey& key) {
  cache_.advance(key.now);
  Replicas* const set = cache_.find(key.virtual_address, key.now);
  if (set != nullptr) {
    const std::optional<std::size_t> best = least_loaded_of(*set, pool);
    // `best` may be the one that leaves the set; it is still used this once.
    if (set->members.size() > 1 && key.now > set->modified + expiration_) {
      erase_most_loaded(*set, pool, key.now);
    }
    if (best && !locally_overloaded(pool[*best], pool)) return best;
  }
  const std::optional<std::size_t> choice = least_loaded(pool);
  if (!choice) return std::nullopt;
  const DestinationId id = pool.id(*choice);
  if (set == nullptr) {
    cache_.insert(key.virtual_address, key.now, {{id}, key.now});
  } else if (std::ranges::find(set->members, id) == set->members.end()) {
    set->members.insert(set->members.begin(), id);
    set->modified = key.now;
  }
  return choice;
}

std::optional<std::size_t> ReplicatedLeastConnection::least_loaded_of(const Replicas& set,
                                                                      const Pool& pool) {
  std::optional<std::size_t> best;
  for (const DestinationId id : set.members) {
    const std::optional<std::size_t> place = place_of(id, pool);
    if (!place || !pool[*place].usable()) continue;
    if (!best || less_loaded(pool[*place], pool[*best])) best = place;
  }
  return best;
}

void ReplicatedLeastConnection::erase_most_loaded(Replicas& set, const Pool& pool, TimePoint now) {
  std::optional<std::size_t> most;
  for (const DestinationId id : set.members) {
    const std::optional<std::size_t> place = place_of(id, pool);
    if (!place || pool[*place].config.weight.value() == 0) continue;
    if (!most || less_loaded(pool[*most], pool[*place])) most = place;
  }
  if (!most) return;
  std::erase(set.members, pool.id(*most));
  set.modified = now;
}

// As in lblc; the kernel counts a removed member to the set's size until it is dropped.
void ReplicatedLeastConnection::changed(const Pool& next,
                                        std::span<const DestinationId> /*old_order*/,
                                        bool /*weights_changed*/) {
  cache_.erase_if([&](Replicas& set) {
    std::erase_if(set.members, [&](DestinationId id) { return !place_of(id, next); });
    return set.members.empty();
  });
}

}  // namespace lvsd
