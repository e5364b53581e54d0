// SPDX-License-Identifier: GPL-2.0-or-later
// The walk of least-connection schedulers against their definition, over pools of any kind.
#include "lvsd/sched/least.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lvsd/sched/scheduler.h"

namespace lvsd {
namespace {

using Random = std::mt19937;

std::uint32_t below(Random& random, std::uint32_t limit) {
  return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random);
}

std::vector<DestinationState> random_pool(Random& random) {
  std::vector<DestinationState> states(below(random, 50));
  for (DestinationState& state : states) {
    const auto weight = static_cast<std::uint16_t>(below(random, 4));
    state.configure({.endpoint = {}, .method = {}, .weight = Weight(weight)}, true);
    state.active = below(random, 6);
    state.inactive = below(random, 3);
    state.overloaded = below(random, 8) == 0;
  }
  return states;
}

struct Fraction {
  std::uint64_t load = 0, weight = 1;
  bool operator<(const Fraction& other) const { return load * other.weight < other.load * weight; }
};

Fraction measure(SchedulerKind kind, const DestinationState& state) {
  const std::uint64_t weight = state.config.weight.value(), active = state.active;
  if (kind == SchedulerKind::lc) return {active * 256 + state.inactive, 1};
  if (kind == SchedulerKind::wlc) return {active * 256 + state.inactive, weight};
  if (kind == SchedulerKind::nq && active == 0) return {0, 1};
  return {active + 1, weight};
}

std::optional<std::size_t> by_definition(SchedulerKind kind,
                                         const std::vector<DestinationState>& states) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (!states[i].usable()) continue;
    if (!best || measure(kind, states[i]) < measure(kind, states[*best])) best = i;
  }
  return best;
}

TEST(LeastTest, IsTheFirstOfTheSmallest) {
  constexpr std::uint32_t kSeed = 4;
  Random random(kSeed);
  const ScheduleKey key{IpAddress(10, 0, 0, 1), Port(std::uint16_t{1}), IpAddress(10, 0, 0, 2)};
  for (int round = 0; round < 2000; ++round) {
    const std::vector<DestinationState> states = random_pool(random);
    std::vector<DestinationId> order;
    for (std::uint32_t i = 0; i < states.size(); ++i) order.push_back(DestinationId{i});
    for (const SchedulerKind kind :
         {SchedulerKind::lc, SchedulerKind::wlc, SchedulerKind::sed, SchedulerKind::nq}) {
      Scheduler scheduler = make_scheduler(kind);
      EXPECT_EQ(pick(scheduler, Pool(order, states), key), by_definition(kind, states))
          << to_string(kind) << ", seed " << kSeed << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace lvsd
