// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/connection_table.h"

#include <gtest/gtest.h>

#include <ctime>
#include <set>

namespace lvsd {
namespace {

using std::chrono::seconds;

const TimePoint kStart = TimePoint(std::chrono::hours(5));
constexpr HashSeed kSeed{1, 2};

Connection connection(std::uint16_t client_port, TimePoint expires) {
  Connection value;
  value.client = IpAddress(198, 51, 100, 7);
  value.client_port = Port(client_port);
  value.virtual_address = IpAddress(192, 0, 2, 10);
  value.virtual_port = Port(std::uint16_t{80});
  value.protocol = 6;
  value.destination = DestinationId{0};
  value.expires = expires;
  return value;
}

Tuple tuple_of(const Connection& value) {
  return {value.client, value.virtual_address, value.client_port, value.virtual_port,
          value.protocol};
}

TEST(ConnectionTable, FindsWhatWasInserted) {
  ConnectionTable table(100, kSeed);
  const Connection value = connection(4000, kStart + seconds(10));
  const auto id = table.insert(value, kStart);
  ASSERT_TRUE(id);
  EXPECT_EQ(table.find_request(tuple_of(value), kStart), id);
  Tuple other = tuple_of(value);
  other.destination_port = Port(std::uint16_t{81});
  EXPECT_FALSE(table.find_request(other, kStart));
  other = tuple_of(value);
  other.protocol = 17;
  EXPECT_FALSE(table.find_request(other, kStart));
  other = tuple_of(value);
  other.destination = IpAddress(192, 0, 2, 11);
  EXPECT_FALSE(table.find_request(other, kStart));
}

TEST(ConnectionTable, ExpiredEntriesAreNotFoundEvenBeforeTheyAreCollected) {
  ConnectionTable table(100, kSeed);
  const Connection value = connection(4000, kStart + seconds(10));
  ASSERT_TRUE(table.insert(value, kStart));
  EXPECT_TRUE(table.find_request(tuple_of(value), kStart + seconds(10) - Duration(1)));
  EXPECT_FALSE(table.find_request(tuple_of(value), kStart + seconds(10)));
  EXPECT_EQ(table.size(), 1U);
}

TEST(ConnectionTable, RefusesBeyondItsLimitAndReusesEntries) {
  ConnectionTable table(3, kSeed);
  std::vector<ConnectionId> ids;
  for (std::uint16_t port = 1; port <= 3; ++port) {
    ids.push_back(*table.insert(connection(port, kStart + seconds(10)), kStart));
  }
  EXPECT_FALSE(table.insert(connection(4, kStart + seconds(10)), kStart));
  table.erase(ids[1]);
  EXPECT_EQ(table.insert(connection(5, kStart + seconds(10)), kStart), ids[1]);
  EXPECT_TRUE(table.find_request(tuple_of(connection(1, {})), kStart));
  EXPECT_TRUE(table.find_request(tuple_of(connection(5, {})), kStart));
  EXPECT_FALSE(table.find_request(tuple_of(connection(2, {})), kStart));
}

TEST(ConnectionTable, NewestOfEqualTuplesWins) {
  ConnectionTable table(10, kSeed);
  const Connection value = connection(4000, kStart + seconds(10));
  ASSERT_TRUE(table.insert(value, kStart));
  const auto newer = table.insert(value, kStart);
  EXPECT_EQ(table.find_request(tuple_of(value), kStart), newer);
}

TEST(ConnectionTable, ExpiresByTheLatestTouch) {
  ConnectionTable table(10, kSeed);
  const auto longer = *table.insert(connection(1, kStart + seconds(10)), kStart);
  const auto shorter = *table.insert(connection(2, kStart + seconds(900)), kStart);
  table.touch(longer, kStart + seconds(100));
  table.touch(shorter, kStart + seconds(20));
  std::vector<ConnectionId> gone;
  const auto note = [&](ConnectionId id, Connection&) { gone.push_back(id); };
  EXPECT_TRUE(table.expire(kStart + seconds(15), 100, note));
  EXPECT_TRUE(gone.empty());
  EXPECT_TRUE(table.expire(kStart + seconds(21), 100, note));
  EXPECT_EQ(gone, std::vector<ConnectionId>{shorter});
  EXPECT_TRUE(table.expire(kStart + seconds(101), 100, note));
  EXPECT_EQ(gone, (std::vector<ConnectionId>{shorter, longer}));
  EXPECT_EQ(table.size(), 0U);
  EXPECT_FALSE(table.next_deadline());
}

TEST(ConnectionTable, ExpiryKeepsToItsBudget) {
  ConnectionTable table(1000, kSeed);
  for (std::uint16_t port = 1; port <= 500; ++port) {
    ASSERT_TRUE(table.insert(connection(port, kStart + seconds(1)), kStart));
  }
  const auto ignore = [](ConnectionId, Connection&) {};
  EXPECT_FALSE(table.expire(kStart + seconds(5), 100, ignore));
  EXPECT_EQ(table.size(), 400U);
  ASSERT_TRUE(table.next_deadline());
  EXPECT_LE(*table.next_deadline(), kStart + seconds(5));
  EXPECT_TRUE(table.expire(kStart + seconds(5), 1000, ignore));
  EXPECT_EQ(table.size(), 0U);
}

// One client may begin any number of calls. In one chain, taking them out again took minutes; the
// time here is the processor's, and the limit thirty times what it takes.
TEST(ConnectionTable, TemplatesOfAnEngineAreNotInOneChain) {
  ConnectionTable table(100000, kSeed);
  std::vector<ConnectionId> calls;
  const std::clock_t begin = std::clock();
  for (int i = 0; i < 60000; ++i) {
    Connection call = connection(0, kStart + seconds(100));
    call.flags = Connection::kTemplate | Connection::kHasEngineData;
    const auto id = table.insert(call, kStart);
    ASSERT_TRUE(id);
    calls.push_back(*id);
  }
  for (const ConnectionId id : calls) table.erase(id);
  EXPECT_LT(std::clock() - begin, 3 * CLOCKS_PER_SEC);
  EXPECT_EQ(table.size(), 0U);
}

TEST(ConnectionTable, VisitsEveryEntryOnce) {
  ConnectionTable table(20000, kSeed);
  for (std::uint16_t port = 1; port <= 10000; ++port) {
    ASSERT_TRUE(table.insert(connection(port, kStart + seconds(1)), kStart));
  }
  std::set<std::uint16_t> seen;
  table.for_each([&](ConnectionId, const Connection& entry) {
    EXPECT_TRUE(seen.insert(entry.client_port.host()).second);
  });
  EXPECT_EQ(seen.size(), 10000U);
}

}  // namespace
}  // namespace lvsd
