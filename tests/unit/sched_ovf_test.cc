// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kOvf = SchedulerKind::ovf;

TEST(WeightedOverflowTest, FillsByWeightUntilAllAreFull) {
  Pool pool(kOvf, {{'A', 1}, {'B', 3}, {'C', 3}});
  EXPECT_EQ(pool.connect(12), "BBBBCCCCAA--");  // weight + 1 connections each
}

TEST(WeightedOverflowTest, RoomIsTakenAgain) {
  Pool pool(kOvf, {{'A', 1}, {'B', 2}});
  pool['A'].active = 2;
  pool['B'].active = 3;
  EXPECT_EQ(pool.picks(1), "-");
  --pool['B'].active;
  EXPECT_EQ(pool.picks(1), "B");
}

TEST(WeightedOverflowTest, InactiveConnectionsDoNotFill) {
  Pool pool(kOvf, {{'A', 1}, {'B', 2}});
  pool['B'].inactive = 1000;
  EXPECT_EQ(pool.picks(1), "B");
}

}  // namespace
}  // namespace lvsd::test
