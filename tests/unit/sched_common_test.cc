// SPDX-License-Identifier: GPL-2.0-or-later
// What holds for every scheduler.
#include <gtest/gtest.h>

#include <algorithm>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

constexpr int kClients = 400;

std::vector<SchedulerKind> every_kind() {
  std::vector<SchedulerKind> out;
  for (std::size_t i = 0; i < kSchedulerKinds; ++i) out.push_back(static_cast<SchedulerKind>(i));
  return out;
}

class EverySchedulerTest : public testing::TestWithParam<SchedulerKind> {
 protected:
  // Whom many clients get, none of which, and no address that they ask for, was seen before.
  std::string distinct_picks(ScheduledPool& pool) {
    std::string seen;
    for (const int end = client_ + kClients; client_ < end; ++client_) {
      const auto high = static_cast<std::uint8_t>(client_ / 250);
      const auto low = static_cast<std::uint8_t>(client_ % 250);
      const ScheduleKey key{IpAddress(10, 1, high, low),
                            Port(static_cast<std::uint16_t>(1024 + client_)),
                            IpAddress(10, 0, high, low)};
      const char name = pool.pick_for(key);
      if (seen.find(name) == std::string::npos) seen += name;
      if (name == kNobody) continue;
      // ovf is full with more active connections than its weight.
      ++(GetParam() == SchedulerKind::ovf ? pool[name].inactive : pool[name].active);
    }
    std::sort(seen.begin(), seen.end());
    return seen;
  }
  // Those of `names`, equal in weight, that get connections at all.
  static std::string takers(std::string_view names) {
    const bool only_one = GetParam() == SchedulerKind::fo || GetParam() == SchedulerKind::ovf;
    return std::string(only_one ? names.substr(0, 1) : names);
  }
  // Without a fallback clients of an unusable destination's buckets get none.
  static std::string with_losers(std::string_view names) {
    const bool loses = GetParam() == SchedulerKind::sh || GetParam() == SchedulerKind::dh ||
                       GetParam() == SchedulerKind::mh;
    return (loses ? "-" : "") + takers(names);
  }

 private:
  int client_ = 0;
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
  // mh gives no slots to those that never had a weight.
  EXPECT_EQ(distinct_picks(pool), GetParam() == SchedulerKind::mh ? "B" : with_losers("B"));
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
  EXPECT_EQ(distinct_picks(pool), takers("ABC"));
}

TEST_P(EverySchedulerTest, RetiredOneIsLeftOut) {
  ScheduledPool pool(GetParam(), {{'A', 1}, {'B', 1}});
  pool['A'].retired = true;
  EXPECT_EQ(distinct_picks(pool), with_losers("B"));
}

TEST_P(EverySchedulerTest, FollowsRemovalAndAddition) {
  ScheduledPool pool(GetParam(), {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(distinct_picks(pool), takers("ABC"));
  pool.remove('B');
  EXPECT_EQ(distinct_picks(pool), takers("AC"));
  pool.add('D', 1);
  EXPECT_EQ(distinct_picks(pool), takers("ACD"));
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

INSTANTIATE_TEST_SUITE_P(All, EverySchedulerTest, testing::ValuesIn(every_kind()),
                         [](const auto& param) { return std::string(to_string(param.param)); });

}  // namespace
}  // namespace lvsd::test
