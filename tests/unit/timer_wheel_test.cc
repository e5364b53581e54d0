// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace lvsd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Timers {
  std::vector<TimerLinks> links;
  TimerLinks& timer_links(std::uint32_t index) { return links[index]; }
};

const TimePoint kStart = TimePoint(hours(1000));

TEST(TimerWheel, FiresWithinATickAndNeverEarly) {
  for (const Duration delay :
       {Duration(0), Duration(1), Duration(milliseconds(124)), Duration(seconds(1)),
        Duration(seconds(31)), Duration(seconds(32)), Duration(seconds(900)), Duration(hours(3)),
        Duration(hours(24 * 31))}) {
    Timers timers{std::vector<TimerLinks>(1)};
    TimerWheel wheel;
    wheel.begin(kStart);
    const TimePoint due = kStart + delay;
    wheel.schedule(0, due, timers);
    if (delay > Duration(0)) {
      EXPECT_FALSE(wheel.pop_due(due - Duration(1), timers)) << delay.count();
    }
    EXPECT_EQ(wheel.pop_due(due + TimerWheel::kTick, timers), 0U) << delay.count();
    EXPECT_FALSE(wheel.pop_due(due + hours(9999), timers));
  }
}

TEST(TimerWheel, DeadlineLeadsToEveryTimer) {
  Timers timers{std::vector<TimerLinks>(1)};
  TimerWheel wheel;
  EXPECT_FALSE(wheel.next_deadline());
  wheel.begin(kStart);
  wheel.schedule(0, kStart + hours(3), timers);
  int steps = 0;
  while (wheel.next_deadline()) {
    const TimePoint next = *wheel.next_deadline();
    ASSERT_LT(++steps, 1000);
    if (wheel.pop_due(next, timers)) {
      EXPECT_GE(next, kStart + hours(3));
      EXPECT_LE(next, kStart + hours(3) + TimerWheel::kTick);
    }
  }
  EXPECT_GT(steps, 0);
}

// Counts what is looked at: the time that a call takes, on any machine.
struct CountedTimers {
  std::vector<TimerLinks> links;
  std::size_t looked_at = 0;
  TimerLinks& timer_links(std::uint32_t index) {
    ++looked_at;
    return links[index];
  }
};

TEST(TimerWheel, ManyTimersAtOnceKeepToTheBudget) {
  constexpr std::uint32_t kMany = 50000;
  constexpr std::size_t kBudget = 100;
  CountedTimers timers{std::vector<TimerLinks>(kMany)};
  TimerWheel wheel;
  wheel.begin(kStart);
  // Two levels up, and all of them in one slot of every level.
  const TimePoint due = kStart + hours(3);
  for (std::uint32_t i = 0; i < kMany; ++i) wheel.schedule(i, due, timers);
  std::uint32_t popped = 0, calls = 0;
  while (const auto deadline = wheel.next_deadline()) {
    ASSERT_LT(++calls, kMany);
    std::size_t budget = kBudget;
    timers.looked_at = 0;
    while (budget > 0 && wheel.pop_due(*deadline, timers, budget)) {
      EXPECT_GE(*deadline, due);
      ++popped;
      if (budget > 0) --budget;
    }
    ASSERT_LE(timers.looked_at, 3 * kBudget + 3);
  }
  EXPECT_EQ(popped, kMany);
}

// While a slot is being spread, its timers may be moved and cancelled like any others.
TEST(TimerWheel, TimersMoveWhileTheirSlotIsSpread) {
  Timers timers{std::vector<TimerLinks>(3)};
  TimerWheel wheel;
  wheel.begin(kStart);
  for (std::uint32_t i = 0; i < 3; ++i) wheel.schedule(i, kStart + seconds(40), timers);
  std::size_t budget = 1;
  EXPECT_FALSE(wheel.pop_due(kStart + seconds(41), timers, budget));
  EXPECT_EQ(wheel.next_deadline(), kStart + seconds(32));
  wheel.cancel(1, timers);
  wheel.hasten(0, kStart + seconds(33), timers);
  budget = 100;
  EXPECT_EQ(wheel.pop_due(kStart + seconds(34), timers, budget), 0U);
  EXPECT_FALSE(wheel.pop_due(kStart + seconds(34), timers, budget));
  EXPECT_EQ(wheel.pop_due(kStart + seconds(41), timers, budget), 2U);
  EXPECT_FALSE(wheel.next_deadline());
}

TEST(TimerWheel, HastenOnlyMovesForward) {
  Timers timers{std::vector<TimerLinks>(1)};
  TimerWheel wheel;
  wheel.begin(kStart);
  wheel.schedule(0, kStart + seconds(900), timers);
  const std::uint64_t tick = timers.links[0].tick;
  wheel.hasten(0, kStart + seconds(1800), timers);
  EXPECT_EQ(timers.links[0].tick, tick);
  wheel.hasten(0, kStart + seconds(10), timers);
  EXPECT_EQ(wheel.pop_due(kStart + seconds(10) + TimerWheel::kTick, timers), 0U);
}

// Against a sorted map: a hundred thousand schedules, cancels and jumps of the clock.
TEST(TimerWheel, AgreesWithAMap) {
  const unsigned seed = 4711;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::uint32_t kTimers = 500;
  Timers timers{std::vector<TimerLinks>(kTimers)};
  TimerWheel wheel;
  wheel.begin(kStart);
  std::map<std::uint32_t, TimePoint> expected;
  TimePoint now = kStart;
  for (int step = 0; step < 100000; ++step) {
    const auto index = static_cast<std::uint32_t>(random() % kTimers);
    switch (random() % 4) {
      case 0:
      case 1: {
        const TimePoint when = now + milliseconds(random() % (1U << (random() % 28)));
        wheel.schedule(index, when, timers);
        expected[index] = when;
        break;
      }
      case 2:
        wheel.cancel(index, timers);
        expected.erase(index);
        break;
      default:
        now += milliseconds(random() % (1U << (random() % 24)));
        while (const auto due = wheel.pop_due(now, timers)) {
          ASSERT_TRUE(expected.contains(*due));
          ASSERT_LE(expected[*due], now);
          expected.erase(*due);
        }
        for (const auto& [left, when] : expected) {
          ASSERT_GT(when + TimerWheel::kTick, now) << left << " is overdue at step " << step;
        }
    }
  }
}

}  // namespace
}  // namespace lvsd
