// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kFo = SchedulerKind::fo;

TEST(WeightedFailoverTest, LargestWeightTakesEverything) {
  Pool pool(kFo, {{'A', 1}, {'B', 5}, {'C', 5}, {'D', 2}});
  EXPECT_EQ(pool.connect(300), std::string(300, 'B'));  // the first of equals
}

TEST(WeightedFailoverTest, TheNextTakesOverAndGivesBack) {
  Pool pool(kFo, {{'A', 1}, {'B', 5}, {'C', 3}});
  pool['B'].overloaded = true;
  EXPECT_EQ(pool.picks(1), "C");
  pool.set_weight('C', 0);
  EXPECT_EQ(pool.picks(1), "A");
  pool['B'].overloaded = false;
  EXPECT_EQ(pool.picks(1), "B");
}

}  // namespace
}  // namespace lvsd::test
