// SPDX-License-Identifier: GPL-2.0-or-later
// How long packets wait in a worker: from the turn that received them to their verdicts, messages
// and emissions of that turn included. One look at the clock per turn, so all packets of a batch
// count as its slowest one. What they waited in the kernel's queue before is not in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "lvsd/model/time.h"

namespace lvsd {

struct LatencyHistogram {
  static constexpr std::array<Duration, 12> kBounds{
      std::chrono::microseconds(10),  std::chrono::microseconds(25),
      std::chrono::microseconds(50),  std::chrono::microseconds(100),
      std::chrono::microseconds(250), std::chrono::microseconds(500),
      std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
      std::chrono::milliseconds(5),   std::chrono::milliseconds(10),
      std::chrono::milliseconds(50),  std::chrono::milliseconds(250)};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};  // the last: longer than all bounds
  Duration sum{};

  void observe(Duration waited, std::uint64_t packets) {
    std::size_t i = 0;
    while (i < kBounds.size() && waited > kBounds[i]) ++i;
    counts[i] += packets;
    sum += waited * static_cast<std::int64_t>(packets);
  }
  void add(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
    sum += other.sum;
  }
  // The bound that this share of them did not exceed; none: beyond all bounds, or nothing counted.
  std::optional<Duration> quantile(double share) const {
    const double wanted = share * static_cast<double>(total());
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      below += counts[i];
      if (below > 0 && static_cast<double>(below) >= wanted) return kBounds[i];
    }
    return std::nullopt;
  }
  std::uint64_t total() const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts) all += count;
    return all;
  }
};

}  // namespace lvsd
