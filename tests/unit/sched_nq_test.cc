// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kNq = SchedulerKind::nq;

TEST(NeverQueueTest, FirstIdleOneWinsOverAFasterOne) {
  Pool pool(kNq, {{'A', 1}, {'B', 100}});
  EXPECT_EQ(pool.picks(1), "A");
  pool['A'].active = 1;
  EXPECT_EQ(pool.picks(1), "B");
  pool['B'].active = 1;
  EXPECT_EQ(pool.picks(1), "B");  // 2/100 against 2/1
  pool['A'].active = 0;
  EXPECT_EQ(pool.picks(1), "A");
}

TEST(NeverQueueTest, IdleOnesThatTakeNoPartAreNotSeen) {
  Pool pool(kNq, {{'A', 0}, {'B', 1}, {'C', 1}});
  pool['B'].overloaded = true;
  pool['C'].active = 7;
  EXPECT_EQ(pool.picks(1), "C");
}

TEST(NeverQueueTest, InactiveConnectionsLeaveOneIdle) {
  Pool pool(kNq, {{'A', 1}, {'B', 9}});
  pool['A'].inactive = 1000;
  EXPECT_EQ(pool.picks(1), "A");
}

}  // namespace
}  // namespace lvsd::test
