// SPDX-License-Identifier: GPL-2.0-or-later
// What holds for every scheduler.
#include <gtest/gtest.h>

#include <algorithm>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

constexpr int kClients = 400;

class EverySchedulerTest : public testing::TestWithParam<SchedulerKind> {
 protected:
  // Whom many different clients get.
  static std::string distinct_picks(ScheduledPool& pool) {
    std::string seen;
    for (int i = 0; i < kClients; ++i) {
      const ScheduleKey key{
          IpAddress(10, 1, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250)),
          Port(static_cast<std::uint16_t>(1024 + i)), IpAddress(10, 0, 3, 100)};
      const char name = pool.pick_for(key);
      if (seen.find(name) == std::string::npos) seen += name;
      if (name != kNobody) ++pool[name].inactive;
    }
    std::sort(seen.begin(), seen.end());
    return seen;
  }
  // sh has no fallback: clients of an unusable destination's buckets get none.
  static std::string with_losers(std::string_view names) {
    return (GetParam() == SchedulerKind::sh ? "-" : "") + std::string(names);
  }
};

TEST_P(EverySchedulerTest, EmptyPoolGivesNobody) {
  ScheduledPool pool(GetParam(), {});
  EXPECT_EQ(distinct_picks(pool), "-");
}

TEST_P(EverySchedulerTest, NeverIntroducedGivesNobody) {
  Scheduler scheduler = make_scheduler(GetParam());
  EXPECT_EQ(pick(scheduler, Pool({}, {}), ScheduleKey{}), std::nullopt);
}

TEST_P(EverySchedulerTest, AllQuiescedGivesNobody) {
  ScheduledPool pool(GetParam(), {{'A', 0}, {'B', 0}, {'C', 0}});
  EXPECT_EQ(distinct_picks(pool), "-");
}

TEST_P(EverySchedulerTest, AllOverloadedGivesNobody) {
  ScheduledPool pool(GetParam(), {{'A', 1}, {'B', 2}});
  pool['A'].overloaded = pool['B'].overloaded = true;
  EXPECT_EQ(distinct_picks(pool), "-");
  pool['B'].overloaded = false;
  EXPECT_EQ(distinct_picks(pool), with_losers("B"));
}

TEST_P(EverySchedulerTest, OneUpGetsEverything) {
  ScheduledPool pool(GetParam(), {{'A', 0}, {'B', 7}, {'C', 0}});
  EXPECT_EQ(distinct_picks(pool), with_losers("B"));
}

TEST_P(EverySchedulerTest, SingleDestinationGetsEverything) {
  ScheduledPool pool(GetParam(), {{'A', 3}});
  EXPECT_EQ(distinct_picks(pool), "A");
}

TEST_P(EverySchedulerTest, OverloadedOneIsLeftOut) {
  ScheduledPool pool(GetParam(), {{'A', 2}, {'B', 2}, {'C', 2}});
  pool['B'].overloaded = true;
  EXPECT_EQ(distinct_picks(pool), with_losers("AC"));
  pool['B'].overloaded = false;
  EXPECT_EQ(distinct_picks(pool), "ABC");
}

TEST_P(EverySchedulerTest, RetiredOneIsLeftOut) {
  ScheduledPool pool(GetParam(), {{'A', 1}, {'B', 1}});
  pool['A'].retired = true;
  EXPECT_EQ(distinct_picks(pool), with_losers("B"));
}

TEST_P(EverySchedulerTest, FollowsRemovalAndAddition) {
  ScheduledPool pool(GetParam(), {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(distinct_picks(pool), "ABC");
  pool.remove('B');
  EXPECT_EQ(distinct_picks(pool), "AC");
  pool.add('D', 1);
  EXPECT_EQ(distinct_picks(pool), "ACD");
  for (const char name : {'A', 'C', 'D'}) pool.remove(name);
  EXPECT_EQ(distinct_picks(pool), "-");
  pool.add('E', 1);
  EXPECT_EQ(distinct_picks(pool), "E");
}

TEST_P(EverySchedulerTest, PoolThatShrankUnannouncedIsSurvived) {
  ScheduledPool full(GetParam(), {{'A', 1}, {'B', 1}, {'C', 1}});
  Scheduler scheduler = make_scheduler(GetParam());
  destinations_changed(scheduler, full.pool(), {}, true);
  const std::vector<DestinationState> one(1);
  const std::vector<DestinationId> order{DestinationId{0}};
  const Pool small(order, one);
  for (std::uint8_t i = 0; i < 200; ++i) {
    const ScheduleKey key{IpAddress(10, 1, 0, i), Port(1), IpAddress()};
    static_cast<void>(pick(scheduler, full.pool(), key));
    EXPECT_EQ(pick(scheduler, small, key).value_or(0), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EverySchedulerTest,
                         testing::Values(SchedulerKind::rr, SchedulerKind::wrr, SchedulerKind::lc,
                                         SchedulerKind::wlc, SchedulerKind::sh),
                         [](const auto& param) { return std::string(to_string(param.param)); });

}  // namespace
}  // namespace lvsd::test
