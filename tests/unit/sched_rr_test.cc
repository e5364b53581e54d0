// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kRr = SchedulerKind::rr;

TEST(RoundRobinTest, GoesAroundInFileOrder) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(7), "ABCABCA");
}

TEST(RoundRobinTest, WeightIsOnOrOff) {
  Pool pool(kRr, {{'A', 5}, {'B', 0}, {'C', 1}});
  EXPECT_EQ(pool.picks(5), "ACACA");
}

TEST(RoundRobinTest, FailureKeepsThePlace) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(1), "A");
  for (const char name : {'A', 'B', 'C'}) pool[name].overloaded = true;
  EXPECT_EQ(pool.picks(2), "--");
  for (const char name : {'A', 'B', 'C'}) pool[name].overloaded = false;
  EXPECT_EQ(pool.picks(2), "BC");
}

TEST(RoundRobinTest, RemovedPlaceMovesToItsPredecessor) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}, {'D', 1}});
  EXPECT_EQ(pool.picks(3), "ABC");
  pool.remove('C');  // now stands on B
  EXPECT_EQ(pool.picks(2), "DA");
}

TEST(RoundRobinTest, RemovedFirstMovesToTheHead) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(1), "A");
  pool.remove('A');
  EXPECT_EQ(pool.picks(2), "BC");
}

TEST(RoundRobinTest, RemovalElsewhereKeepsThePlace) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}, {'D', 1}});
  EXPECT_EQ(pool.picks(2), "AB");
  pool.remove('A');
  EXPECT_EQ(pool.picks(3), "CDB");
  pool.remove('D');
  EXPECT_EQ(pool.picks(2), "CB");
}

TEST(RoundRobinTest, ReorderingKeepsTheDestinationAsThePlace) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(1), "A");
  pool.reorder("CAB");
  EXPECT_EQ(pool.picks(3), "BCA");
}

TEST(RoundRobinTest, EditOfAWeightKeepsThePlace) {
  Pool pool(kRr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(1), "A");
  pool.set_weight('C', 9);
  EXPECT_EQ(pool.picks(2), "BC");
}

}  // namespace
}  // namespace lvsd::test
