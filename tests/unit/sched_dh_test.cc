// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kDh = SchedulerKind::dh;

char pick_at(Pool& pool, std::string_view target, std::uint8_t client = 1) {
  return pool.pick_for(
      ScheduleKey{IpAddress(198, 51, 100, client), Port(client), *IpAddress::parse(target)});
}

// Buckets 50, 171, 52 and 249 (reference section 4.12), which belong to 2, 0, 1 and 0 modulo 3.
std::string pick_at_vectors(Pool& pool) {
  return {pick_at(pool, "192.0.2.1"), pick_at(pool, "198.51.100.7"), pick_at(pool, "203.0.113.200"),
          pick_at(pool, "10.0.0.11")};
}

TEST(DestinationHashTest, BucketsAreOwnedInTurn) {
  Pool pool(kDh, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pick_at_vectors(pool), "CABA");
}

TEST(DestinationHashTest, WeightOnlySaysWhoTakesPart) {
  Pool pool(kDh, {{'A', 9}, {'B', 1}, {'C', 65535}});
  EXPECT_EQ(pick_at_vectors(pool), "CABA");
  pool.set_weight('A', 0);
  EXPECT_EQ(pick_at_vectors(pool), "C-B-");
  pool['B'].overloaded = true;
  EXPECT_EQ(pick_at_vectors(pool), "C---");
}

TEST(DestinationHashTest, ClientPlaysNoPart) {
  Pool pool(kDh, {{'A', 1}, {'B', 1}, {'C', 1}});
  for (std::uint8_t client = 1; client < 200; ++client) {
    ASSERT_EQ(pick_at(pool, "192.0.2.1", client), 'C');
  }
}

TEST(DestinationHashTest, MoreDestinationsThanBuckets) {
  Pool pool(kDh, {});
  for (int i = 0; i < 256; ++i) pool.add('A', 1);
  pool.add('B', 1);
  EXPECT_EQ(pick_at_vectors(pool), "AAAA");  // the last one owns none
}

}  // namespace
}  // namespace lvsd::test
