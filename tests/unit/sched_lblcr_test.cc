// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
using namespace std::chrono_literals;
constexpr SchedulerKind kLblcr = SchedulerKind::lblcr;

char pick_at(Pool& pool, std::string_view target, Duration now) {
  return pool.pick_for(
      ScheduleKey{IpAddress(198, 51, 100, 7), Port(1), *IpAddress::parse(target), TimePoint(now)});
}

TEST(ReplicatedLeastConnectionTest, SetGrowsWhereItsLeastLoadedIsOverloaded) {
  Pool pool(kLblcr, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].active = 6;
  pool['B'].active = 3;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'A');
  pool['B'].active = 2;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 2s), 'B');
  pool['A'].active = 1;  // it is in the set still
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 3s), 'A');
}

TEST(ReplicatedLeastConnectionTest, NewestOfEqualsWins) {
  Pool pool(kLblcr, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].active = 6;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'B');
  pool['A'].active = 0;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 2s), 'B');
}

// Used all the time, so that the entry lives; the set has not changed for a day.
TEST(ReplicatedLeastConnectionTest, MostLoadedLeavesAfterADay) {
  Pool pool(kLblcr, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].active = 6;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'B');
  pool['A'].active = 1;
  pool['B'].active = 3;
  for (int hour = 1; hour <= 24; ++hour) {
    ASSERT_EQ(pick_at(pool, "192.0.2.1", std::chrono::hours(hour)), 'A');
  }
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 24h + 2s), 'A');  // now B is no longer of it
  pool['A'].active = 5;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 24h + 3s), 'A');
}

TEST(ReplicatedLeastConnectionTest, OverloadedAndQuiescedMembersAreLeftOut) {
  Pool pool(kLblcr, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].overloaded = true;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'B');
  pool['A'].overloaded = false;
  pool.set_weight('B', 0);
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 2s), 'A');
  pool.remove('A');
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 3s), kNobody);
}

}  // namespace
}  // namespace lvsd::test
