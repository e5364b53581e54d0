// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kLc = SchedulerKind::lc;

TEST(LeastConnectionTest, FirstWinsTies) {
  Pool pool(kLc, {{'A', 1}, {'B', 9}, {'C', 1}});
  EXPECT_EQ(pool.picks(2), "AA");
}

TEST(LeastConnectionTest, SpreadsEvenlyWhateverTheWeights) {
  Pool pool(kLc, {{'A', 1}, {'B', 9}, {'C', 1}});
  EXPECT_EQ(pool.connect(7), "ABCABCA");
}

TEST(LeastConnectionTest, OneActiveWeighsAs256Inactive) {
  Pool pool(kLc, {{'A', 1}, {'B', 1}});
  pool['A'].active = 1;
  pool['B'].inactive = 255;
  EXPECT_EQ(pool.picks(1), "B");
  pool['B'].inactive = 256;
  EXPECT_EQ(pool.picks(1), "A");
  pool['B'].inactive = 257;
  EXPECT_EQ(pool.picks(1), "A");
}

TEST(LeastConnectionTest, QuiescedIdleOneIsSkipped) {
  Pool pool(kLc, {{'A', 0}, {'B', 1}});
  pool['B'].active = 1000;
  EXPECT_EQ(pool.picks(2), "BB");
}

TEST(LeastConnectionTest, FullCountersDoNotWrap) {
  Pool pool(kLc, {{'A', 1}, {'B', 1}});
  pool['A'].active = 0xffffffffU;
  pool['B'].active = 0x00ffffffU;
  EXPECT_EQ(pool.picks(1), "B");
}

TEST(LeastConnectionTest, AddedOneTakesTheNextConnections) {
  Pool pool(kLc, {{'A', 1}, {'B', 1}});
  EXPECT_EQ(pool.connect(4), "ABAB");
  pool.add('C', 1);
  EXPECT_EQ(pool.connect(4), "CCAB");
}

}  // namespace
}  // namespace lvsd::test
