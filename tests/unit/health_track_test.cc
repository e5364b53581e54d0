// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/track.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint at(int second) { return TimePoint(seconds(second)); }

HealthRules rules(unsigned rise, unsigned fall) {
  HealthRules out;
  out.rise = rise;
  out.fall = fall;
  return out;
}

TEST(Track, IsCheckedBeforeItIsUp) {
  const HealthRules r = rules(2, 3);
  Track track(r, false, at(0));
  EXPECT_EQ(track.state(), HealthState::checking);
  EXPECT_FALSE(track.take(true, r, at(1)));
  EXPECT_EQ(track.take(true, r, at(2)), (Transition{HealthState::checking, HealthState::up, 2}));
}

TEST(Track, MayTakeConnectionsBeforeItsFirstCheck) {
  HealthRules r = rules(2, 2);
  r.initially_up = true;
  Track track(r, false, at(0));
  EXPECT_EQ(track.state(), HealthState::up);
  EXPECT_FALSE(track.take(false, r, at(1)));
  EXPECT_EQ(track.take(false, r, at(2)), (Transition{HealthState::up, HealthState::down, 2}));
}

TEST(Track, ResultsCountInARowOnly) {
  const HealthRules r = rules(1, 3);
  Track track(r, false, at(0));
  track.take(true, r, at(1));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(track.take(i % 3 == 2, r, at(2 + i)));
  EXPECT_EQ(track.state(), HealthState::up);
  track.take(true, r, at(60));
  EXPECT_FALSE(track.take(false, r, at(61)));
  EXPECT_FALSE(track.take(false, r, at(62)));
  EXPECT_EQ(track.take(false, r, at(63)), (Transition{HealthState::up, HealthState::down, 3}));
  EXPECT_FALSE(track.take(false, r, at(64)));
}

TEST(Track, AnotherCheckCountsAnewButKeepsTheState) {
  const HealthRules r = rules(1, 3);
  Track track(r, false, at(0));
  track.take(true, r, at(1));
  track.take(false, r, at(2));
  track.take(false, r, at(3));
  track.begin_anew();
  EXPECT_EQ(track.state(), HealthState::up);
  EXPECT_FALSE(track.take(false, r, at(4)));
  EXPECT_FALSE(track.take(false, r, at(5)));
  EXPECT_TRUE(track.take(false, r, at(6)));
}

TEST(Track, ChecksLessOftenWhileDown) {
  HealthRules r = rules(1, 1);
  r.interval = seconds(2);
  r.backoff = seconds(7);
  Track track(r, false, at(0));
  EXPECT_EQ(track.interval(r), seconds(1));  // until there is a verdict
  track.take(false, r, at(1));
  EXPECT_EQ(track.interval(r), seconds(2));
  track.take(false, r, at(2));
  EXPECT_EQ(track.interval(r), seconds(4));
  for (int i = 0; i < 100; ++i) track.take(false, r, at(3 + i));
  EXPECT_EQ(track.interval(r), seconds(7));
  r.rise = 2;
  track.take(true, r, at(200));
  EXPECT_EQ(track.interval(r), seconds(2));
  r.backoff = Duration::zero();
  for (int i = 0; i < 100; ++i) track.take(false, r, at(300 + i));
  EXPECT_EQ(track.interval(r), seconds(2));
}

TEST(Track, OneThatFlapsNeedsMoreSuccesses) {
  HealthRules r = rules(2, 1);
  r.damping = seconds(60);
  Track track(r, false, at(0));
  track.take(true, r, at(0));
  track.take(true, r, at(0));  // up
  unsigned expected = 2;
  for (int round = 0; round < 6; ++round) {
    track.take(false, r, at(1));
    ASSERT_EQ(track.state(), HealthState::down);
    expected = std::min(expected * 2, 32U);
    EXPECT_EQ(track.rise(r), expected);
    for (unsigned i = 1; i < expected; ++i) ASSERT_FALSE(track.take(true, r, at(1)));
    ASSERT_TRUE(track.take(true, r, at(1)));
  }
  track.take(false, r, at(61));  // 60 s after it came up
  EXPECT_EQ(track.rise(r), 2U);
}

TEST(Track, SlowStartRampsWhoReturns) {
  HealthRules r = rules(1, 1);
  r.damping = Duration::zero();
  Track first(r, false, at(0)), newcomer(r, true, at(0));
  first.take(true, r, at(0));
  newcomer.take(true, r, at(0));
  EXPECT_EQ(first.share(seconds(10), at(1)), 1000U);
  EXPECT_EQ(newcomer.share(seconds(10), at(0)), 10U);
  EXPECT_EQ(newcomer.share(Duration::zero(), at(0)), 1000U);
  for (int i = 1; i < 10; ++i) {
    EXPECT_NEAR(newcomer.share(seconds(10), at(i)), 100.0 * i, 1.0);
  }
  EXPECT_EQ(newcomer.share(seconds(10), at(10)), 1000U);
  first.take(false, r, at(20));
  first.take(true, r, at(21));
  EXPECT_NEAR(first.share(seconds(10), TimePoint(milliseconds(26500))), 550, 1);
}

TEST(Track, ARecordBringsItBack) {
  HealthRules r = rules(1, 1);
  Track track(r, false, at(0));
  track.take(true, r, at(1));
  track.take(false, r, at(2));
  track.take(true, r, at(3));
  track.take(true, r, at(3));  // up again: it flapped once, and needs two
  const TrackRecord record = track.record(at(5));
  EXPECT_EQ(record.age, seconds(2));
  const Track again(record, at(1005));
  EXPECT_EQ(again.state(), HealthState::up);
  EXPECT_EQ(again.since(), at(1003));
  EXPECT_EQ(again.rise(r), track.rise(r));
  EXPECT_EQ(again.share(seconds(10), at(1005)), track.share(seconds(10), at(5)));
}

}  // namespace
}  // namespace lvsd
