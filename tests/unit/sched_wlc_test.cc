// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kWlc = SchedulerKind::wlc;

TEST(WeightedLeastConnectionTest, FirstUsableWinsTies) {
  Pool pool(kWlc, {{'A', 0}, {'B', 1}, {'C', 9}});
  EXPECT_EQ(pool.picks(2), "BB");  // no load at all is equal under any weight
}

TEST(WeightedLeastConnectionTest, SharesFollowWeights) {
  Pool pool(kWlc, {{'A', 3}, {'B', 2}, {'C', 1}});
  const std::string picks = pool.connect(600);
  EXPECT_EQ(std::ranges::count(picks, 'A'), 300);
  EXPECT_EQ(std::ranges::count(picks, 'B'), 200);
  EXPECT_EQ(std::ranges::count(picks, 'C'), 100);
}

TEST(WeightedLeastConnectionTest, ComparesWithoutRounding) {
  Pool pool(kWlc, {{'A', 3}, {'B', 1000}});
  pool['A'].inactive = 1;    // 1/3
  pool['B'].inactive = 333;  // just below
  EXPECT_EQ(pool.picks(1), "B");
  pool['B'].inactive = 334;  // just above
  EXPECT_EQ(pool.picks(1), "A");
}

TEST(WeightedLeastConnectionTest, LargestCountersAndWeightsDoNotWrap) {
  Pool pool(kWlc, {{'A', 65535}, {'B', 65535}});
  pool['A'].active = pool['A'].inactive = 0xffffffffU;
  pool['B'].active = 0xfffffffeU;
  EXPECT_EQ(pool.picks(1), "B");
}

TEST(WeightedLeastConnectionTest, WeightEditActsAtOnce) {
  Pool pool(kWlc, {{'A', 1}, {'B', 1}});
  pool['A'].active = 10;
  pool['B'].active = 5;
  EXPECT_EQ(pool.picks(1), "B");
  pool.set_weight('A', 4);
  EXPECT_EQ(pool.picks(1), "A");
  pool.set_weight('A', 0);
  EXPECT_EQ(pool.picks(1), "B");
}

}  // namespace
}  // namespace lvsd::test
