// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "lvsd/sched/hash.h"
#include "sched_fixture.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kSh = SchedulerKind::sh;

TEST(SourceHashTest, HashVectors) {  // reference section 4.12
  const auto hash = [](std::string_view address, unsigned bits) {
    return hash32(folded(*IpAddress::parse(address)), bits);
  };
  EXPECT_EQ(hash("192.0.2.1", 8), 50U);
  EXPECT_EQ(hash("198.51.100.7", 8), 171U);
  EXPECT_EQ(hash("203.0.113.200", 8), 52U);
  EXPECT_EQ(hash("10.0.0.11", 8), 249U);
  EXPECT_EQ(hash("192.0.2.1", 10), 203U);
  EXPECT_EQ(hash("198.51.100.7", 10), 684U);
  EXPECT_EQ(hash("203.0.113.200", 10), 211U);
  EXPECT_EQ(hash("10.0.0.11", 10), 998U);
  EXPECT_EQ(hash32(0xc0000201U + 51324, 8), 56U);  // as sh does with its port flag
}

TEST(SourceHashTest, FoldsIpv6ToTheXorOfItsWords) {
  EXPECT_EQ(folded(*IpAddress::parse("2001:db8:102:304:506:708:90a:b0c")),
            0x20010db8U ^ 0x01020304U ^ 0x05060708U ^ 0x090a0b0cU);
}

// One client for each bucket: the buckets' owners as a string.
std::string buckets(Pool& pool) {
  std::string owners(256, ' ');
  for (std::uint32_t i = 0; owners.find(' ') != std::string::npos; ++i) {
    const IpAddress client(10, 1, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i));
    owners[hash32(folded(client), 8)] = pool.pick_for(ScheduleKey{client, Port(1), IpAddress()});
  }
  return owners;
}

TEST(SourceHashTest, DestinationsOwnBucketsInTurn) {
  Pool pool(kSh, {{'A', 3}, {'B', 2}, {'C', 1}});
  const std::string owners = buckets(pool);
  EXPECT_EQ(owners.substr(0, 12), "AAABBCAAABBC");
  EXPECT_EQ(std::ranges::count(owners, 'A'), 129);  // 42 turns of six, then AAAB
  EXPECT_EQ(std::ranges::count(owners, 'B'), 85);
  EXPECT_EQ(std::ranges::count(owners, 'C'), 42);
}

TEST(SourceHashTest, QuiescedOneOwnsABucketThatGivesNobody) {
  Pool pool(kSh, {{'A', 2}, {'B', 0}, {'C', 1}});
  EXPECT_EQ(buckets(pool).substr(0, 8), "AA-CAA-C");
}

TEST(SourceHashTest, FirstWeightsMayLeaveNothingForOthers) {
  Pool pool(kSh, {{'A', 200}, {'B', 56}, {'C', 100}});
  EXPECT_EQ(buckets(pool), std::string(200, 'A') + std::string(56, 'B'));
  Pool huge(kSh, {{'A', 65535}, {'B', 1}});
  EXPECT_EQ(buckets(huge), std::string(256, 'A'));
}

TEST(SourceHashTest, MoreDestinationsThanBuckets) {
  Pool pool(kSh, {});
  for (int i = 0; i < 255; ++i) pool.add('A', 1);
  pool.add('B', 1);
  for (int i = 0; i < 100; ++i) pool.add('C', 1);
  EXPECT_EQ(buckets(pool), std::string(255, 'A') + "B");
}

TEST(SourceHashTest, ClientKeepsItsDestinationWhateverItsPort) {
  Pool pool(kSh, {{'A', 1}, {'B', 1}, {'C', 1}});
  const IpAddress client(198, 51, 100, 7);
  const char first = pool.pick_for(ScheduleKey{client, Port(1), IpAddress()});
  for (std::uint16_t port = 2; port < 1000; ++port) {
    ASSERT_EQ(pool.pick_for(ScheduleKey{client, Port(port), IpAddress()}), first);
  }
}

TEST(SourceHashTest, PortFlagPlacesByPortToo) {
  Pool pool(kSh, {{'A', 1}, {'B', 1}, {'C', 1}}, Pool::Start::new_service,
            {.flags = {.port = true}});
  const ScheduleKey key{IpAddress(192, 0, 2, 1), Port(51324), IpAddress()};
  EXPECT_EQ(pool.pick_for(key), 'C');  // bucket 56 (reference section 4.12)
}

TEST(SourceHashTest, FallbackProbesFromTwiceTheBucket) {
  Pool pool(kSh, {}, Pool::Start::new_service, {.flags = {.fallback = true}});
  pool.add('A', 50);
  pool.add('B', 1);    // bucket 50, where 192.0.2.1 falls
  pool.add('C', 49);   // 51..99
  pool.add('D', 1);    // 100
  pool.add('E', 155);  // the rest
  EXPECT_EQ(pool.pick_for("192.0.2.1"), 'B');
  pool['B'].overloaded = true;
  EXPECT_EQ(pool.pick_for("192.0.2.1"), 'D');
  pool['D'].overloaded = true;
  EXPECT_EQ(pool.pick_for("192.0.2.1"), 'E');
  pool['E'].overloaded = true;
  EXPECT_EQ(pool.pick_for("192.0.2.1"), 'A');  // around the end
  pool['A'].overloaded = pool['C'].overloaded = true;
  EXPECT_EQ(pool.pick_for("192.0.2.1"), kNobody);
}

TEST(SourceHashTest, EveryChangeRebuildsTheTable) {
  Pool pool(kSh, {{'A', 1}, {'B', 1}});
  EXPECT_EQ(buckets(pool).substr(0, 6), "ABABAB");
  pool.set_weight('A', 2);
  EXPECT_EQ(buckets(pool).substr(0, 6), "AABAAB");
  pool.add('C', 1);
  EXPECT_EQ(buckets(pool).substr(0, 8), "AABCAABC");
  pool.remove('B');
  EXPECT_EQ(buckets(pool).substr(0, 6), "AACAAC");
  pool.reorder("CA");
  EXPECT_EQ(buckets(pool).substr(0, 6), "CAACAA");
}

}  // namespace
}  // namespace lvsd::test
