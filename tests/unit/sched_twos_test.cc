// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kTwos = SchedulerKind::twos;

Pool seeded(Pool::Weights weights, std::uint64_t seed) {
  return {kTwos, weights, Pool::Start::new_service, {.seed = seed}};
}

TEST(PowerOfTwoTest, SeedDecides) {
  Pool a = seeded({{'A', 1}, {'B', 1}, {'C', 1}}, 1),
       again = seeded({{'A', 1}, {'B', 1}, {'C', 1}}, 1);
  Pool other = seeded({{'A', 1}, {'B', 1}, {'C', 1}}, 2);
  const std::string picks = a.picks(100);
  EXPECT_EQ(again.picks(100), picks);
  EXPECT_NE(other.picks(100), picks);
}

// Without load the first draw stands: chances of 4, 2 and 1 in 7, as the total may be drawn too.
TEST(PowerOfTwoTest, ChancesFollowWeights) {
  Pool pool = seeded({{'A', 3}, {'B', 2}, {'C', 1}}, 42);
  const std::string picks = pool.picks(70000);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'A')), 40000, 600);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'B')), 20000, 600);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'C')), 10000, 600);
}

TEST(PowerOfTwoTest, TheLessLoadedOfTwoWins) {
  Pool pool = seeded({{'A', 1000}, {'B', 1000}}, 42);
  pool['A'].active = 1;
  const std::string picks = pool.picks(40000);  // A only where both draws name it
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'A')), 10000, 500);
}

TEST(PowerOfTwoTest, ConnectionsSpreadByWeight) {
  Pool pool = seeded({{'A', 30}, {'B', 20}, {'C', 10}}, 7);
  const std::string picks = pool.connect(6000);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'A')), 3000, 60);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picks, 'C')), 1000, 60);
}

TEST(PowerOfTwoTest, LargestCountersDoNotWrap) {
  Pool pool = seeded({{'A', 65535}, {'B', 65535}}, 42);
  pool['A'].active = 0xffffffffU;
  EXPECT_NEAR(static_cast<double>(std::ranges::count(pool.picks(4000), 'A')), 1000, 150);
}

}  // namespace
}  // namespace lvsd::test
