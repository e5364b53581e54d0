// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kMh = SchedulerKind::mh;

Pool flagged(Pool::Weights weights, SchedulerFlags flags) {
  return {kMh, weights, Pool::Start::new_service, {.flags = flags}};
}

char pick_from(Pool& pool, std::string_view client, std::uint16_t port = 51324) {
  return pool.pick_for(ScheduleKey{*IpAddress::parse(client), Port(port), IpAddress()});
}

// Whom 10000 clients get.
std::string spread(Pool& pool) {
  std::string out;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const IpAddress client(10, static_cast<std::uint8_t>(i >> 16U),
                           static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i));
    out += pool.pick_for(ScheduleKey{client, Port(1), IpAddress()});
  }
  return out;
}

// Reference section 4.12: destinations 10.0.0.11, .12 and .13, port 80.
TEST(MaglevTest, TableVectors) {
  Pool pool(kMh, {{'1', 1}, {'2', 1}, {'3', 2}});
  for (const char name : {'1', '2', '3'}) {
    pool[name].config.endpoint.address =
        IpAddress(10, 0, 0, static_cast<std::uint8_t>(name - '1' + 11));
  }
  pool.set_weight('3', 2);
  EXPECT_EQ(pick_from(pool, "192.0.2.1"), '3');
  EXPECT_EQ(pick_from(pool, "198.51.100.7"), '1');
  EXPECT_EQ(pick_from(pool, "203.0.113.200"), '2');
}

TEST(MaglevTest, SharesFollowWeights) {
  Pool pool(kMh, {{'1', 1}, {'2', 2}, {'3', 5}});
  const std::string picked = spread(pool);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picked, '1')), 1250, 200);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picked, '2')), 2500, 200);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picked, '3')), 6250, 200);
}

TEST(MaglevTest, RemovalMovesFewOfTheOthersClients) {
  Pool pool(kMh, {{'1', 1}, {'2', 1}, {'3', 1}, {'4', 1}, {'5', 1}});
  const std::string before = spread(pool);
  pool.remove('3');
  const std::string after = spread(pool);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    moved += before[i] != '3' && before[i] != after[i];
  EXPECT_LT(moved, 1500);  // of 8000; a plain modulo would move 6000
}

TEST(MaglevTest, QuiescingMovesNobody) {
  Pool pool(kMh, {{'1', 1}, {'2', 2}, {'3', 1}});
  std::string expected = spread(pool);
  std::ranges::replace(expected, '2', kNobody);
  pool.set_weight('2', 0);
  EXPECT_EQ(spread(pool), expected);
  pool.add('4', 1);  // even a new table remembers the weight that it had
  EXPECT_GT(std::ranges::count(spread(pool), kNobody), 2000);
}

TEST(MaglevTest, FallbackMovesOnlyThoseWhoNeedIt) {
  Pool pool = flagged({{'1', 1}, {'2', 2}, {'3', 1}}, {.fallback = true});
  const std::string before = spread(pool);
  pool['2'].overloaded = true;
  const std::string after = spread(pool);
  EXPECT_EQ(after.find_first_of("2-"), std::string::npos);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == '2') continue;
    ASSERT_EQ(before[i], after[i]);
  }
  pool['1'].overloaded = pool['3'].overloaded = true;
  EXPECT_EQ(pick_from(pool, "192.0.2.1"), kNobody);
}

TEST(MaglevTest, PortCountsOnlyWithItsFlag) {
  Pool plain(kMh, {{'1', 1}, {'2', 1}});
  Pool port = flagged({{'1', 1}, {'2', 1}}, {.port = true});
  std::string without, with;
  for (std::uint16_t i = 1; i <= 200; ++i) {
    without += pick_from(plain, "192.0.2.1", i);
    with += pick_from(port, "192.0.2.1", i);
  }
  EXPECT_EQ(without, std::string(200, without[0]));
  EXPECT_NEAR(static_cast<double>(std::ranges::count(with, '1')), 100, 30);
}

// Turns are cut to six bits, so that a round never takes more than the table has.
TEST(MaglevTest, LargeWeightsStillShare) {
  Pool pool(kMh, {{'1', 65535}, {'2', 65534}, {'3', 1}});
  const std::string picked = spread(pool);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picked, '1')), 5000, 300);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(picked, '3')), 80, 60);
}

TEST(MaglevTest, MoreDestinationsThanSlots) {
  std::vector<DestinationState> states(5000);
  std::vector<DestinationId> order;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    states[i].configure({.endpoint = {IpAddress(10, 0, static_cast<std::uint8_t>(i >> 8U),
                                                static_cast<std::uint8_t>(i)),
                                      Port(80)},
                         .method = {},
                         .weight = Weight(1)},
                        true);
    order.push_back(DestinationId{i});
  }
  Scheduler scheduler = make_scheduler(kMh);
  const lvsd::Pool many(order, states);
  destinations_changed(scheduler, many, {}, true);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const IpAddress client(10, 1, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i));
    ASSERT_LT(pick(scheduler, many, ScheduleKey{client, Port(1), IpAddress()}).value(), 4093U);
  }
}

}  // namespace
}  // namespace lvsd::test
