// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/twos.h"

#include <array>

#include "lvsd/sched/wlc.h"

namespace lvsd {

std::optional<std::size_t> PowerOfTwo::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (pool[i].usable()) total += pool[i].config.weight.value();
  }
  if (total == 0) return std::nullopt;
  // The total itself can be drawn, as in the kernel: the first usable one has a chance of
  // (weight + 1) / (total + 1).
  std::array<std::uint64_t, 2> rest{draw(total), draw(total)};
  std::array<std::optional<std::size_t>, 2> choice;
  for (std::size_t i = 0; i < pool.size() && !(choice[0] && choice[1]); ++i) {
    if (!pool[i].usable()) continue;
    const std::uint64_t weight = pool[i].config.weight.value();
    for (std::size_t which = 0; which < choice.size(); ++which) {
      if (choice[which]) continue;
      if (rest[which] <= weight) {
        choice[which] = i;
      } else {
        rest[which] -= weight;
      }
    }
  }
  // The kernel multiplies in 32 bits, which may overflow; this does not.
  return less_loaded(pool[*choice[1]], pool[*choice[0]]) ? choice[1] : choice[0];
}

void PowerOfTwo::changed(const Pool& /*next*/, std::span<const DestinationId> /*old_order*/,
                         bool /*weights_changed*/) {}

// SplitMix64 (Steele, Lea, Flood 2014), scaled down by a multiplication: `most` stays below 2^32,
// so the bias is below 2^-32 of a chance.
std::uint64_t PowerOfTwo::draw(std::uint64_t most) {
  std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15U;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  mixed ^= mixed >> 31U;
  return ((mixed >> 32U) * (most + 1)) >> 32U;
}

}  // namespace lvsd
