// SPDX-License-Identifier: GPL-2.0-or-later
// Random histories of results against a second, plain account of the rules, and what schedulers
// make of a ramp.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "lvsd/health/pool.h"
#include "sched_fixture.h"
#include "support/random_seed.h"

namespace lvsd {
namespace {

using std::chrono::seconds;

constexpr int kHistories = 100000;
const Endpoint kServer{IpAddress(10, 0, 0, 1), Port(80)};
const Endpoint kNewcomer{IpAddress(10, 0, 0, 2), Port(80)};

// Keeps all results, and counts from their end each time.
struct Account {
  HealthRules rules;
  std::vector<bool> results = {};
  HealthState state = HealthState::checking;
  TimePoint since = {};
  unsigned flaps = 0;
  bool failed_first = false, was_up = false;

  unsigned in_a_row(bool success) const {
    const auto other = std::find(results.rbegin(), results.rend(), !success);
    return static_cast<unsigned>(other - results.rbegin());
  }
  std::optional<Transition> take(bool success, TimePoint now) {
    if (results.empty() && !success) failed_first = true;
    results.push_back(success);
    const unsigned same = in_a_row(success);
    const HealthState next = success ? HealthState::up : HealthState::down;
    unsigned needed = rules.fall;
    if (success) {
      needed = rules.rise;
      for (unsigned i = 0; i < flaps; ++i) needed *= 2;
    }
    if (next == state || same < needed) return std::nullopt;
    if (state == HealthState::up) {
      flaps = now - since < rules.damping ? std::min(flaps + 1, 4U) : 0;
    }
    const Transition made{state, next, same};
    state = next;
    since = now;
    was_up = was_up || success;
    return made;
  }
};

struct History {
  std::minstd_rand random;
  Account account{};
  ServiceHealth health{};
  VirtualService service{};
  HealthPool pool{};
  TimePoint now{};

  explicit History(std::uint32_t seed) : random(seed) {
    health.health.emplace();
    HealthRules& rules = health.health->rules;
    rules.rise = 1 + random() % 4;
    rules.fall = 1 + random() % 4;
    rules.damping = seconds(random() % 3 * 20);
    rules.initially_up = random() % 8 == 0;
    account.rules = rules;
    if (rules.initially_up) {
      account.state = HealthState::up;
      account.was_up = true;
    }
    service.destinations.push_back({kServer, {}, Weight(3), {}});
    pool.configure(health, service, now);
  }
  void reload() {
    if (service.destinations.size() == 1) {
      service.destinations.push_back({kNewcomer, {}, Weight(1), {}});
    } else {
      service.destinations.pop_back();
    }
    if (random() % 2 == 0) {  // a changed check counts anew
      health.health->probe.path += "x";
      const HealthState before = pool.find(kServer)->track->state();
      pool.configure(health, service, now);
      ASSERT_EQ(pool.find(kServer)->track->state(), before);
      // Results of the old check are worth nothing, as if a contrary one stood between.
      account.results.clear();
      return;
    }
    pool.configure(health, service, now);
  }
  void step(bool success) {
    now += seconds(1 + random() % 5);
    ASSERT_EQ(pool.take(kServer, success, now), account.take(success, now));
    ASSERT_EQ(pool.find(kServer)->track->state(), account.state);
    VirtualService effective = service;
    compose(effective, pool.settle(now));
    const bool takes = effective.destinations.front().weight.value() > 0;
    ASSERT_EQ(takes, account.state == HealthState::up);
    ASSERT_FALSE(takes && account.failed_first && !account.was_up);
  }
};

TEST(HealthHistory, FollowsTheRulesInEveryRandomHistory) {
  const std::uint32_t seed = test::random_seed();
  for (std::uint32_t i = 0; i < kHistories; ++i) {
    History history(seed + i);
    const auto bias = 1 + history.random() % 9;  // of ten, successes
    for (int step = 0; step < 20; ++step) {
      history.step(history.random() % 10 < bias);
      if (history.random() % 12 == 0) history.reload();
      if (HasFatalFailure()) FAIL() << "history " << i << ", step " << step;
    }
  }
}

// B comes back beside A, which weighs as much, and takes what the ramp allows, within 2 %.
void ramp_with(SchedulerKind kind, std::uint16_t weight) {
  constexpr Duration kRamp = seconds(60);
  ServiceHealth health;
  health.health.emplace();
  health.health->rules.rise = health.health->rules.fall = 1;
  health.slow_start = kRamp;
  VirtualService service;
  for (const Endpoint& endpoint : {kServer, kNewcomer}) {
    service.destinations.push_back({endpoint, {}, Weight(weight), {}});
  }
  HealthPool pool;
  TimePoint now{};
  pool.configure(health, service, now);
  pool.take(kServer, true, now);
  pool.take(kNewcomer, false, now);
  pool.take(kNewcomer, true, now);
  test::ScheduledPool scheduled(kind, {{'A', weight}, {'B', 0}});
  for (int second = 1; second <= 70; ++second) {
    now += seconds(1);
    VirtualService effective = service;
    compose(effective, pool.settle(now));
    scheduled.set_weight('A', effective.destinations[0].weight.value());
    scheduled.set_weight('B', effective.destinations[1].weight.value());
    scheduled['A'].active = scheduled['B'].active = 0;
    const std::string picks = scheduled.connect(1000);
    const auto taken = static_cast<double>(std::count(picks.begin(), picks.end(), 'B'));
    const double part = std::min(1.0, second / 60.0);
    EXPECT_NEAR(taken / 1000, part / (1 + part), 0.02)
        << to_string(kind) << " weight " << weight << " after " << second << " s";
  }
}

TEST(SlowStart, SharesFollowTheRamp) {
  for (const std::uint16_t weight : {std::uint16_t{1}, std::uint16_t{3}, std::uint16_t{1000}}) {
    ramp_with(SchedulerKind::wrr, weight);
    ramp_with(SchedulerKind::wlc, weight);
    ramp_with(SchedulerKind::sed, weight);
  }
}

}  // namespace
}  // namespace lvsd
