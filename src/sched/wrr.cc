// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/wrr.h"

#include <algorithm>
#include <numeric>

namespace lvsd {
namespace {

std::uint32_t highest_usable_weight(const Pool& pool) {
  std::uint32_t highest = 0;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (pool[i].usable()) highest = std::max<std::uint32_t>(highest, pool[i].config.weight.value());
  }
  return highest;
}

}  // namespace

std::optional<std::size_t> WeightedRoundRobin::pick(const Pool& pool, const ScheduleKey& /*key*/) {
  if (top_ == 0) return std::nullopt;
  if (const PoolPosition found = walk(pool)) return last_ = found;
  const std::uint32_t highest = highest_usable_weight(pool);
  if (highest == 0) {
    give_up();
    return std::nullopt;
  }
  sink(highest);
  last_.reset();
  return last_ = walk(pool);
}

// The rest of the current pass.
PoolPosition WeightedRoundRobin::walk(const Pool& pool) {
  for (std::size_t i = last_ ? *last_ + 1 : 0; i < pool.size(); ++i) {
    if (pool[i].usable() && pool[i].config.weight.value() >= threshold_) return i;
  }
  return std::nullopt;
}

// To the next pass in which somebody reaches the threshold.
void WeightedRoundRobin::sink(std::uint32_t highest_usable) {
  threshold_ = threshold_ > step_ ? threshold_ - step_ : top_;
  if (threshold_ <= highest_usable) return;
  const std::uint32_t excess = threshold_ - highest_usable;
  threshold_ -= (excess + step_ - 1) / step_ * step_;
}

// Where the kernel stands after all passes chose nothing: at the start of a new cycle, unless the
// search had begun inside a cycle's last pass, to which it comes back.
void WeightedRoundRobin::give_up() {
  if (last_ && threshold_ <= step_) return;
  last_.reset();
  threshold_ = top_;
}

void WeightedRoundRobin::adopt(const Measure& measure) {
  step_ = std::max(measure.divisor, 1U);
  top_ = measure.largest == 0 ? 0 : measure.largest - (step_ - 1);
  if (threshold_ > top_ || threshold_ == 0) {
    threshold_ = top_;
  } else if (step_ > 1) {
    threshold_ = threshold_ / step_ * step_ + 1;
  }
}

void WeightedRoundRobin::changed(const Pool& next, std::span<const DestinationId> old_order,
                                 bool weights_changed) {
  const bool measured = top_ != 0;  // else there is nothing to keep, or this is the first call
  if (measured && !weights_changed && same_members(old_order, next.order())) {
    last_ = carried_over(last_, old_order, next);  // only moved: the kernel knows no such change
    return;
  }
  last_.reset();
  Measure measure;
  for (std::size_t behind = next.size(); behind > 0; --behind) {
    const std::uint32_t weight = next[behind - 1].config.weight.value();
    measure.divisor = std::gcd(measure.divisor, weight);
    measure.largest = std::max(measure.largest, weight);
    // The kernel is given a service's first destinations one by one, each in front of the others,
    // and adjusts the threshold each time: a new service begins with a low pass.
    if (old_order.empty()) adopt(measure);
  }
  adopt(measure);
}

}  // namespace lvsd
