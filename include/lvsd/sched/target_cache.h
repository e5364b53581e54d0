// SPDX-License-Identifier: GPL-2.0-or-later
// What lblc and lblcr remember by the address that clients ask for (reference section 4.7), and
// when they forget it. Once a minute the kernel looks: every thirtieth time at everything, to
// delete what was not used for a day; at other times only where more than 16384 addresses are
// remembered, to delete some of those not used for six minutes. Here there is no timer: the looks
// that are due are taken, each at its own time, before the next connection is scheduled, which
// nobody can tell from outside.
//
// Differences from the kernel: the hash is seeded, as strangers choose the addresses; so which
// entries a partial look deletes first differs. And 65536 entries are the limit even within one
// minute: what does not fit is scheduled without being remembered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lvsd/model/time.h"
#include "lvsd/net/address.h"
#include "lvsd/net/siphash.h"

namespace lvsd {

template <class Value>
class TargetCache {
 public:
  static constexpr std::size_t kSoftLimit = 16384, kHardLimit = 4 * kSoftLimit;

  TargetCache(std::uint64_t seed, Duration expiration)
      : seed_{seed, ~seed}, expiration_(expiration) {}

  void set_expiration(Duration expiration) { expiration_ = expiration; }

  // To be called with every `now` before anything else.
  void advance(TimePoint now) {
    if (entries_ == 0 || !last_look_) {
      last_look_ = now;
      return;
    }
    for (; entries_ > 0 && now - *last_look_ >= kPeriod; *last_look_ += kPeriod) {
      look(*last_look_ + kPeriod);
    }
  }

  // Marks it as used.
  Value* find(const IpAddress& target, TimePoint now) {
    for (Entry& entry : bucket(target)) {
      if (entry.target != target) continue;
      entry.last_use = now;
      return &entry.value;
    }
    return nullptr;
  }

  // For a target that find() does not know.
  void insert(const IpAddress& target, TimePoint now, Value value) {
    if (entries_ >= kHardLimit) return;
    bucket(target).push_back({target, now, std::move(value)});
    ++entries_;
  }

  // Calls forget(value) for all; deletes those for which it says true.
  template <class Forget>
  void erase_if(Forget forget) {
    for (Bucket& bucket : buckets_) {
      entries_ -= std::erase_if(bucket, [&](Entry& entry) { return forget(entry.value); });
    }
  }

  template <class Do>
  void for_each(Do what) {
    for (Bucket& bucket : buckets_) {
      for (Entry& entry : bucket) what(entry.value);
    }
  }

  std::size_t size() const { return entries_; }

 private:
  static constexpr std::size_t kBuckets = 1024;
  static constexpr Duration kPeriod = std::chrono::minutes(1);
  static constexpr Duration kPartialExpiration = std::chrono::minutes(6);
  static constexpr unsigned kFullEvery = 30;  // periods

  struct Entry {
    IpAddress target;
    TimePoint last_use;
    Value value;
  };
  using Bucket = std::vector<Entry>;

  Bucket& bucket(const IpAddress& target) {
    const IpAddress::Bytes bytes = target.bytes();
    return buckets_[siphash13(seed_, std::as_bytes(std::span(bytes))) % kBuckets];
  }

  void look(TimePoint now) {
    if (looks_ % kFullEvery == 0) {
      for (Bucket& bucket : buckets_) delete_unused(bucket, now, expiration_);
      looks_ = 1;
    } else if (entries_ <= kSoftLimit) {
      ++looks_;
    } else {
      partial_look(now);
    }
  }

  void partial_look(TimePoint now) {
    const std::size_t goal = std::min((entries_ - kSoftLimit) * 4 / 3, kSoftLimit / 2);
    std::size_t deleted = 0;
    for (std::size_t i = 0; i < kBuckets && deleted < goal; ++i) {
      rover_ = (rover_ + 1) % kBuckets;
      deleted += delete_unused(buckets_[rover_], now, kPartialExpiration);
    }
  }

  std::size_t delete_unused(Bucket& bucket, TimePoint now, Duration unused) {
    const std::size_t deleted =
        std::erase_if(bucket, [&](const Entry& entry) { return now >= entry.last_use + unused; });
    entries_ -= deleted;
    return deleted;
  }

  HashSeed seed_;
  Duration expiration_;
  std::vector<Bucket> buckets_ = std::vector<Bucket>(kBuckets);
  std::size_t entries_ = 0, rover_ = 0;
  unsigned looks_ = 1;
  std::optional<TimePoint> last_look_;
};

}  // namespace lvsd
