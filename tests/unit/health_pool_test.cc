// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/pool.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

using std::chrono::seconds;

TimePoint at(int second) { return TimePoint(seconds(second)); }

Endpoint server(int i) { return {IpAddress(10, 0, 0, static_cast<std::uint8_t>(i)), Port(80)}; }

struct HealthPoolTest : testing::Test {
  HealthPoolTest() {
    service.key = health.service = {ServiceProtocol::tcp, {IpAddress(192, 0, 2, 10), Port(80)}};
    health.health.emplace();
    health.health->rules.rise = health.health->rules.fall = 1;
    health.health->rules.damping = Duration::zero();
  }
  void add(int count, int weight = 1) {
    for (int i = 0; i < count; ++i) {
      const int number = static_cast<int>(service.destinations.size()) + 1;
      service.destinations.push_back(
          {server(number), {}, Weight(static_cast<std::uint16_t>(weight)), {}});
    }
    pool.configure(health, service, now);
  }
  void set(int number, bool up) { pool.take(server(number), up, now); }
  VirtualService composed() {
    VirtualService out = service;
    compose(out, pool.settle(now));
    return out;
  }
  std::vector<int> weights() {
    std::vector<int> out;
    for (const Destination& one : composed().destinations) out.push_back(one.weight.value());
    return out;
  }
  using Weights = std::vector<int>;

  ServiceHealth health;
  VirtualService service;
  HealthPool pool;
  TimePoint now = at(0);
};

TEST_F(HealthPoolTest, WhoFailsTakesNothing) {
  add(3, 5);
  EXPECT_EQ(weights(), (Weights{0, 0, 0}));
  set(1, true);
  set(2, true);
  set(3, false);
  EXPECT_EQ(weights(), (Weights{5, 5, 0}));
  set(2, false);
  EXPECT_EQ(weights(), (Weights{5, 0, 0}));
}

TEST_F(HealthPoolTest, OneThatIsNotCheckedIsUp) {
  health.differing.push_back({server(2), std::nullopt});
  add(2);
  EXPECT_EQ(weights(), (Weights{0, 1}));
}

TEST_F(HealthPoolTest, OnFailureRemoveTakesItOut) {
  health.health->rules.on_failure = OnFailure::remove;
  add(2);
  set(1, true);
  set(2, false);
  ASSERT_EQ(composed().destinations.size(), 1U);
  EXPECT_EQ(composed().destinations[0].endpoint, server(1));
  set(2, true);
  EXPECT_EQ(weights(), (Weights{1, 1}));
}

TEST_F(HealthPoolTest, OnFailureResetEndsItsConnections) {
  health.health->rules.on_failure = OnFailure::reset;
  add(2);
  service.destinations[1].drain = Drain{Ending::move, false};
  EXPECT_EQ(composed().destinations[0].drain, std::nullopt);  // still to be checked
  set(1, true);
  set(2, true);
  EXPECT_EQ(composed().destinations[0].drain, std::nullopt);
  set(1, false);
  set(2, false);
  EXPECT_EQ(composed().destinations[0].drain, (Drain{Ending::reset, false}));
  EXPECT_EQ(composed().destinations[1].drain, (Drain{Ending::move, false}));  // the operator's
  EXPECT_EQ(weights(), (Weights{0, 0}));
  set(1, true);
  EXPECT_EQ(composed().destinations[0].drain, std::nullopt);
}

TEST_F(HealthPoolTest, AReloadKeepsWhatStays) {
  add(2);
  set(1, true);
  set(2, false);
  health.health->probe.path = "/other";  // the check changes
  add(1);                                // and a server comes
  EXPECT_EQ(weights(), (Weights{1, 0, 0}));
  service.destinations.erase(service.destinations.begin());
  pool.configure(health, service, now);
  EXPECT_EQ(weights(), (Weights{0, 0}));
  EXPECT_EQ(pool.find(server(1)), nullptr);
  EXPECT_EQ(pool.find(server(2))->track->state(), HealthState::down);
}

TEST_F(HealthPoolTest, ACheckThatIsAddedToAServerInServiceDoesNotTakeItOut) {
  health.health.reset();
  health.slow_start = seconds(60);
  add(2, 3);
  EXPECT_EQ(weights(), (Weights{3, 3}));
  health.health.emplace();
  health.health->rules.fall = 2;
  add(1, 3);  // the third is new, and waits for its first check
  EXPECT_EQ(weights(), (Weights{3, 3, 0}));
  set(1, false);
  EXPECT_EQ(weights(), (Weights{3, 3, 0}));
  set(1, false);
  EXPECT_EQ(weights(), (Weights{0, 3, 0}));
}

TEST_F(HealthPoolTest, PanicHeedsWhoDrainsByItsAgent) {
  health.health->agent.emplace();
  health.panic = 50;
  add(4);
  for (int i = 1; i <= 4; ++i) set(i, true);
  for (int i = 1; i <= 3; ++i) pool.take_agent(server(i), *parse_agent("drain"));
  EXPECT_FALSE(pool.settle(now).panic);
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 1}));
  set(4, false);  // the only one that counts
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 1}));
  pool.take_agent(server(1), *parse_agent("ready"));
  EXPECT_EQ(weights(), (Weights{1, 0, 0, 0}));
}

TEST_F(HealthPoolTest, PanicUsesAllButTheUnchecked) {
  health.panic = 50;
  add(4);
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 0}));
  set(1, true);
  set(2, true);
  set(3, false);
  EXPECT_EQ(weights(), (Weights{1, 1, 0, 0}));
  set(2, false);
  EXPECT_TRUE(pool.settle(now).panic);
  EXPECT_EQ(weights(), (Weights{1, 1, 1, 0}));
  set(2, true);
  EXPECT_EQ(weights(), (Weights{1, 1, 0, 0}));
}

TEST_F(HealthPoolTest, QuorumHasHysteresisAndASorryServer) {
  health.quorum = Quorum{10, 3};
  health.sorry_server = Destination{server(99), {}, Weight(2), {}};
  add(5, 4);
  for (int i = 1; i <= 5; ++i) set(i, true);  // 20
  EXPECT_EQ(weights(), (Weights{4, 4, 4, 4, 4, 0}));
  set(1, false);
  set(2, false);
  set(3, false);  // 8: not below 10 - 3
  EXPECT_TRUE(pool.settle(now).quorum);
  set(4, false);  // 4
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 0, 0, 2}));
  set(1, true);
  set(2, true);  // 12: not yet 10 + 3
  EXPECT_FALSE(pool.settle(now).quorum);
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 0, 0, 2}));
  set(3, true);  // 16
  EXPECT_EQ(weights(), (Weights{4, 4, 4, 0, 4, 0}));
}

TEST_F(HealthPoolTest, ASorryServerWaitsForFirstVerdictsAndGoesBeforePanic) {
  health.sorry_server = Destination{server(99), {}, Weight(1), {}};
  health.panic = 100;
  add(2);
  EXPECT_EQ(weights(), (Weights{0, 0, 0}));
  set(1, false);
  EXPECT_TRUE(pool.settle(now).quorum);
  set(2, false);
  EXPECT_EQ(weights(), (Weights{0, 0, 1}));
  EXPECT_FALSE(pool.settle(now).panic);
}

TEST_F(HealthPoolTest, WhoIsDrainedCountsInNoQuorum) {
  health.sorry_server = Destination{server(99), {}, Weight(1), {}};
  add(3, 5);
  for (int i = 1; i <= 3; ++i) set(i, true);
  service.destinations[0].weight = Weight(0);
  service.destinations[1].drain = Drain{};
  pool.weigh(service);
  EXPECT_TRUE(pool.settle(now).quorum);
  service.destinations[2].drain = Drain{};
  pool.weigh(service);
  EXPECT_FALSE(pool.settle(now).quorum);
  EXPECT_EQ(weights(), (Weights{0, 0, 0, 1}));
  pool.configure(health, service, now);  // the file may say the same
  EXPECT_FALSE(pool.settle(now).quorum);
  service.destinations[2].drain.reset();
  pool.weigh(service);
  EXPECT_TRUE(pool.settle(now).quorum);
  EXPECT_EQ(weights(), (Weights{0, 5, 5, 0}));  // the core leaves the drained one out
}

TEST_F(HealthPoolTest, WhoIsDrainedIsNoReasonForPanicAndNoneAgainst) {
  health.panic = 50;
  add(4);
  for (int i = 1; i <= 3; ++i) set(i, true);
  set(4, false);
  for (int i = 0; i < 2; ++i) service.destinations[static_cast<std::size_t>(i)].drain = Drain{};
  pool.weigh(service);
  EXPECT_FALSE(pool.settle(now).panic);  // one of two
  set(3, false);
  EXPECT_TRUE(pool.settle(now).panic);
  service.destinations[3].weight = Weight(0);
  service.destinations[2].weight = Weight(0);
  pool.weigh(service);
  EXPECT_FALSE(pool.settle(now).panic);  // nobody is left to be used
}

TEST_F(HealthPoolTest, AnAgentGivesAShare) {
  health.health->agent.emplace();
  add(2, 3);
  set(1, true);
  set(2, true);
  EXPECT_TRUE(pool.take_agent(server(1), *parse_agent("50%")));
  EXPECT_FALSE(pool.take_agent(server(1), *parse_agent("50%")));
  EXPECT_EQ(weights(), (Weights{51, 102}));
  pool.take_agent(server(2), *parse_agent("drain"));
  EXPECT_EQ(weights(), (Weights{101, 0}));
  pool.take_agent(server(1), *parse_agent("0%"));
  EXPECT_EQ(weights(), (Weights{0, 0}));
  pool.take_agent(server(1), *parse_agent("100% down"));
  EXPECT_EQ(weights(), (Weights{0, 0}));
  pool.take_agent(server(1), *parse_agent("up"));
  EXPECT_EQ(weights(), (Weights{3, 0}));
}

TEST_F(HealthPoolTest, AnAgentsZeroIsADrain) {
  health.health->agent.emplace();
  health.sorry_server = Destination{server(9), {}, Weight(1), {}};
  health.panic = 80;
  add(2);
  set(1, true);
  set(2, true);
  EXPECT_EQ(weights(), (Weights{1, 1, 0}));
  pool.take_agent(server(1), *parse_agent("0%"));
  EXPECT_FALSE(pool.settle(now).panic);  // half of them take part, and that one is asked of
  EXPECT_EQ(weights(), (Weights{0, 1, 0}));
  pool.take_agent(server(2), *parse_agent("0%"));
  EXPECT_EQ(weights(), (Weights{0, 0, 1}));
}

TEST_F(HealthPoolTest, PanicLeavesAnAgentsZeroAlone) {
  health.health->agent.emplace();
  health.panic = 80;
  add(3);
  for (int i = 1; i <= 3; ++i) set(i, i == 1);
  pool.take_agent(server(3), *parse_agent("0%"));
  EXPECT_TRUE(pool.settle(now).panic);
  EXPECT_EQ(weights(), (Weights{1, 1, 0}));
}

TEST_F(HealthPoolTest, ASmallShareOfASlowStartTakesSome) {
  health.health->agent.emplace();
  health.slow_start = seconds(100);
  add(1, 10);
  set(1, true);
  set(1, false);
  pool.take_agent(server(1), *parse_agent("1%"));
  set(1, true);
  EXPECT_GT(weights()[0], 0);
}

TEST_F(HealthPoolTest, LargeWeightsStayInRange) {
  health.slow_start = seconds(100);
  add(1, 65535);
  add(1, 300);
  set(1, true);
  set(2, false);
  now = at(10);
  set(2, true);
  now = at(60);
  EXPECT_TRUE(pool.ramping(now));
  EXPECT_EQ(weights(), (Weights{65535, 150}));
  now = at(110);
  EXPECT_FALSE(pool.ramping(now));
  EXPECT_EQ(weights(), (Weights{65535, 300}));
}

}  // namespace
}  // namespace lvsd
