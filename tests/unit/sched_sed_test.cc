// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kSed = SchedulerKind::sed;

TEST(ShortestExpectedDelayTest, LargestWeightWinsWhereNobodyIsBusy) {
  Pool pool(kSed, {{'A', 1}, {'B', 3}, {'C', 3}});
  EXPECT_EQ(pool.picks(3), "BBB");  // the first of equals
  pool['B'].inactive = 1000;        // does not count
  EXPECT_EQ(pool.picks(1), "B");
}

TEST(ShortestExpectedDelayTest, CountsTheNewConnection) {
  Pool pool(kSed, {{'A', 3}, {'B', 2}, {'C', 1}});
  EXPECT_EQ(pool.connect(6), "ABAABC");  // the fourth finds 3/3, 2/2 and 1/1
}

TEST(ShortestExpectedDelayTest, LargestCountersAndWeightsDoNotWrap) {
  Pool pool(kSed, {{'A', 65535}, {'B', 65535}});
  pool['A'].active = 0xffffffffU;
  pool['B'].active = 0xfffffffeU;
  EXPECT_EQ(pool.picks(1), "B");
}

}  // namespace
}  // namespace lvsd::test
