// SPDX-License-Identifier: GPL-2.0-or-later
// What every scheduler is asked with, and what it must answer.
//
// A scheduler looks at a Pool and names one of its entries by index, or none. It holds no pointer
// and no destination of its own: positions and tables are indices into the pool's order, brought up
// to date by changed() whenever that order or a weight in it changes. Ties go to the earlier entry.
#pragma once

#include <concepts>
#include <optional>
#include <span>

#include "lvsd/model/destination_state.h"
#include "lvsd/model/time.h"

namespace lvsd {

// The new connection: what hashing schedulers place it by, and when it comes, for those that
// remember and forget.
struct ScheduleKey {
  IpAddress client;
  Port client_port;
  IpAddress virtual_address;
  TimePoint now{};
};

// changed(next, old_order, weights_changed): the pool is now `next`; an id that is in both orders
// is the same destination.
template <class S>
concept SchedulerLike = requires(S s, const Pool& pool, const ScheduleKey& key,
                                 std::span<const DestinationId> old_order) {
  { s.pick(pool, key) } -> std::same_as<std::optional<std::size_t>>;
  { s.changed(pool, old_order, true) } -> std::same_as<void>;
};

}  // namespace lvsd
