// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/sh.h"

#include <algorithm>

#include "lvsd/sched/hash.h"

namespace lvsd {

std::optional<std::size_t> SourceHash::pick(const Pool& pool, const ScheduleKey& key) {
  if (!filled_) return std::nullopt;
  const std::size_t owner = owners_[hash32(folded(key.client), kBucketBits)];
  if (owner >= pool.size() || !pool[owner].usable()) return std::nullopt;
  return owner;
}

void SourceHash::changed(const Pool& next, std::span<const DestinationId> /*old_order*/,
                         bool /*weights_changed*/) {
  filled_ = next.size() > 0;
  if (!filled_) return;
  std::size_t owner = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; owner = (owner + 1) % next.size()) {
    const std::size_t turn = std::max<std::size_t>(1, next[owner].config.weight.value());
    const std::size_t end = bucket + std::min(turn, kBuckets - bucket);
    while (bucket < end) owners_[bucket++] = static_cast<std::uint8_t>(owner);
  }
}

}  // namespace lvsd
