// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/dh.h"

#include "lvsd/sched/hash.h"

namespace lvsd {

std::optional<std::size_t> DestinationHash::pick(const Pool& pool, const ScheduleKey& key) {
  constexpr unsigned kBucketBits = 8;
  if (owners_ == 0) return std::nullopt;
  const std::size_t owner = hash32(folded(key.virtual_address), kBucketBits) % owners_;
  if (owner >= pool.size() || !pool[owner].usable()) return std::nullopt;
  return owner;
}

void DestinationHash::changed(const Pool& next, std::span<const DestinationId> /*old_order*/,
                              bool /*weights_changed*/) {
  owners_ = next.size();
}

}  // namespace lvsd
