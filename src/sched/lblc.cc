// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/lblc.h"

#include <algorithm>

#include "lvsd/sched/wlc.h"

namespace lvsd {

bool locally_overloaded(const DestinationState& state, const Pool& pool) {
  if (state.all_active() <= state.config.weight.value()) return false;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (std::uint64_t{pool[i].all_active()} * 2 < pool[i].config.weight.value()) return true;
  }
  return false;
}

std::optional<std::size_t> place_of(DestinationId id, const Pool& pool) {
  const std::span<const DestinationId> order = pool.order();
  const auto found = std::ranges::find(order, id);
  if (found == order.end()) return std::nullopt;
  return static_cast<std::size_t>(found - order.begin());
}

std::optional<std::size_t> LocalityLeastConnection::pick(const Pool& pool, const ScheduleKey& key) {
  cache_.advance(key.now);
  DestinationId* const known = cache_.find(key.virtual_address, key.now);
  if (known != nullptr) {
    const std::optional<std::size_t> place = place_of(*known, pool);
    // Above its upper threshold it still gets what it has in its cache, as in the kernel.
    const auto serves = [&](const DestinationState& state) {
      return !state.retired && state.config.weight.value() > 0 && !locally_overloaded(state, pool);
    };
    if (place && serves(pool[*place])) return place;
  }
  const std::optional<std::size_t> choice = least_loaded(pool);
  if (!choice) return std::nullopt;
  if (known != nullptr) {
    *known = pool.id(*choice);
  } else {
    cache_.insert(key.virtual_address, key.now, pool.id(*choice));
  }
  return choice;
}

// The kernel keeps entries of a removed destination, which serve again should it come back before
// they are used; here its id may then be somebody else's.
void LocalityLeastConnection::changed(const Pool& next,
                                      std::span<const DestinationId> /*old_order*/,
                                      bool /*weights_changed*/) {
  cache_.erase_if([&](DestinationId id) { return !place_of(id, next); });
}

}  // namespace lvsd
