// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
using namespace std::chrono_literals;
constexpr SchedulerKind kLblc = SchedulerKind::lblc;

char pick_at(Pool& pool, std::string_view target, Duration now) {
  return pool.pick_for(
      ScheduleKey{IpAddress(198, 51, 100, 7), Port(1), *IpAddress::parse(target), TimePoint(now)});
}

TEST(LocalityLeastConnectionTest, AddressKeepsItsDestination) {
  Pool pool(kLblc, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].active = 4;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'A');
  EXPECT_EQ(pick_at(pool, "192.0.2.2", 1s), 'B');  // wlc
}

TEST(LocalityLeastConnectionTest, MovesOnlyWhereAnotherIsHalfIdle) {
  Pool pool(kLblc, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].active = 6;
  pool['B'].active = 3;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'A');
  pool['B'].active = 2;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 2s), 'B');
  pool['A'].active = 0;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 3s), 'B');  // and stays there
}

TEST(LocalityLeastConnectionTest, UpperThresholdDoesNotMoveWhatIsCached) {
  Pool pool(kLblc, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool['A'].overloaded = true;
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'A');
  EXPECT_EQ(pick_at(pool, "192.0.2.2", 1s), 'B');
  pool.set_weight('A', 0);
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'B');
}

TEST(LocalityLeastConnectionTest, RemovedOneIsForgotten) {
  Pool pool(kLblc, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  pool.remove('A');
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 1s), 'B');
}

TEST(LocalityLeastConnectionTest, ForgetsAfterADay) {
  Pool pool(kLblc, {{'A', 5}, {'B', 5}});
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 0s), 'A');
  EXPECT_EQ(pick_at(pool, "192.0.2.2", 0s), 'A');
  pool['A'].active = 4;  // what is not remembered goes to B
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 23h), 'A');
  EXPECT_EQ(pick_at(pool, "192.0.2.1", 25h), 'A');  // was used two hours ago
  EXPECT_EQ(pick_at(pool, "192.0.2.2", 25h), 'B');
}

TEST(TargetCacheTest, ShrinksToItsSoftLimit) {
  TargetCache<int> cache(1, 24h);
  const auto target = [](std::uint32_t i) {
    return IpAddress(10, static_cast<std::uint8_t>(i >> 16U), static_cast<std::uint8_t>(i >> 8U),
                     static_cast<std::uint8_t>(i));
  };
  const auto at = [](Duration time) { return TimePoint(time); };
  cache.advance(at(0s));
  for (std::uint32_t i = 0; i < 100000; ++i) cache.insert(target(i), at(1s), 7);
  EXPECT_EQ(cache.size(), TargetCache<int>::kHardLimit);
  EXPECT_NE(cache.find(target(0), at(1s)), nullptr);
  EXPECT_EQ(cache.find(target(99999), at(1s)), nullptr);
  cache.advance(at(5min));
  EXPECT_EQ(cache.size(), TargetCache<int>::kHardLimit);  // all used within six minutes
  cache.advance(at(7min));
  EXPECT_GE(cache.size(), TargetCache<int>::kHardLimit - 8192 - 128);
  EXPECT_LE(cache.size(), TargetCache<int>::kHardLimit - 8192);
  cache.advance(at(1h));
  EXPECT_LE(cache.size(), TargetCache<int>::kSoftLimit);
  EXPECT_GT(cache.size(), 0U);
  cache.advance(at(26h));
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace lvsd::test
