// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/sh.h"

#include <algorithm>

#include "lvsd/sched/hash.h"

namespace lvsd {

std::optional<std::size_t> SourceHash::pick(const Pool& pool, const ScheduleKey& key) {
  if (!filled_) return std::nullopt;
  const std::uint32_t place =
      folded(key.client) + (flags_.port ? key.client_port.host() : std::uint32_t{0});
  const std::size_t bucket = hash32(place, kBucketBits);
  const auto usable = [&](std::size_t i) { return i < pool.size() && pool[i].usable(); };
  if (usable(owners_[bucket])) return owners_[bucket];
  if (!flags_.fallback) return std::nullopt;
  for (std::size_t k = 0; k < kBuckets; ++k) {  // from twice the bucket's number on, as the kernel
    const std::size_t owner = owners_[(2 * bucket + k) % kBuckets];
    if (usable(owner)) return owner;
  }
  return std::nullopt;
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
