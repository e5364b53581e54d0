// SPDX-License-Identifier: GPL-2.0-or-later
// Source hashing (`sh`, reference section 4.10): the client's address, with the port flag its port
// too, picks one of 256 buckets, and the destinations own buckets in turn, each as many in a row as
// its weight. A quiesced destination keeps one per turn. Clients that fall into its bucket, or into
// an overloaded one's, get no destination, or with the fallback flag the owner of another bucket.
// Since every destination takes a bucket before any takes its second turn, only the first 256 can
// own one, and a bucket's owner fits in a byte.
#pragma once

#include <array>
#include <cstdint>

#include "lvsd/sched/key.h"

namespace lvsd {

class SourceHash {
 public:
  explicit SourceHash(SchedulerFlags flags = {}) : flags_(flags) {}
  std::optional<std::size_t> pick(const Pool& pool, const ScheduleKey& key);
  void changed(const Pool& next, std::span<const DestinationId> old_order, bool weights_changed);

 private:
  static constexpr unsigned kBucketBits = 8;
  static constexpr std::size_t kBuckets = std::size_t{1} << kBucketBits;
  std::array<std::uint8_t, kBuckets> owners_{};  // index into the pool
  bool filled_ = false;
  SchedulerFlags flags_;
};
static_assert(SchedulerLike<SourceHash>);

}  // namespace lvsd
