// SPDX-License-Identifier: GPL-2.0-or-later
// How long what was decided for a datagram is remembered, and what many datagrams do to each other.
#include <gtest/gtest.h>

#include "support/director_fixture.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kVip = "10.0.3.100";
constexpr int kMany = 10000;  // more than there are places

struct Datagrams : DirectorFixture {
  Datagrams()
      : DirectorFixture({udp_service(53, DirectRouting{}, {{endpoint("10.0.2.11", 53), {}, {}}})}) {
  }
  // The fragments of a datagram of 200 bytes, 64 of them in each.
  static std::vector<Bytes> of(int number, std::uint16_t source = 40000) {
    const std::string client = "10.1." + std::to_string(number / 65536) + ".7";
    const IpFields ip{
        .source = client, .destination = kVip, .id = static_cast<std::uint16_t>(number & 0xffff)};
    return fragments(udp_packet(ip, {.source = source}, pattern(192)), 64);
  }
  std::string take(const Bytes& packet) { return describe(handle(packet)); }
  std::uint64_t timed_out() const {
    return director.counters().dropped[static_cast<std::size_t>(DropReason::fragment_timeout)];
  }
};

TEST(ManyFragments, AnyNumberOfWholeDatagramsPasses) {
  Datagrams f;
  for (int i = 0; i < kMany; ++i) {
    for (const Bytes& piece : Datagrams::of(i)) ASSERT_EQ(f.take(piece), "forwarded") << i;
  }
}

TEST(ManyFragments, InAnyOrderWithTheFirstLastToo) {
  Datagrams f;
  for (int i = 0; i < kMany; ++i) {
    const auto pieces = Datagrams::of(i);
    ASSERT_EQ(pieces.size(), 4U);
    for (const std::size_t n : {3U, 1U, 2U}) ASSERT_EQ(f.take(pieces[n]), "held") << i;
    ASSERT_EQ(f.take(pieces[0]), "forwarded");
    ASSERT_EQ(f.sent.size(), 4U);
  }
}

TEST(ManyFragments, FirstOnesThatNothingFollowsBlockNobody) {
  Datagrams f;
  for (int i = 0; i < kMany; ++i) ASSERT_EQ(f.take(Datagrams::of(i)[0]), "forwarded");
  for (const Bytes& piece : Datagrams::of(kMany)) EXPECT_EQ(f.take(piece), "forwarded");
  // Whose decision was forgotten: the first of all, not the last.
  EXPECT_EQ(f.take(Datagrams::of(0)[1]), "held");
  EXPECT_EQ(f.take(Datagrams::of(kMany - 1)[1]), "forwarded");
}

TEST(ManyFragments, LaterOnesThatWaitLeaveRoomForOthers) {
  Datagrams f;
  int held = 0;
  for (int i = 0; i < kMany; ++i) held += f.take(Datagrams::of(i)[1]) == "held" ? 1 : 0;
  EXPECT_EQ(held, 4096);
  for (const Bytes& piece : Datagrams::of(kMany)) EXPECT_EQ(f.take(piece), "forwarded");
  f.pass(seconds(31));
  EXPECT_EQ(f.timed_out(), 4096U);
  EXPECT_EQ(f.take(Datagrams::of(0)[1]), "held");
}

TEST(ManyFragments, OneThatComesTwiceEndsNothing) {
  Datagrams f;
  const auto pieces = Datagrams::of(1);
  for (const std::size_t n : {0U, 1U, 1U, 3U, 3U, 1U, 0U, 3U, 1U}) {
    EXPECT_EQ(f.take(pieces[n]), "forwarded");
  }
  EXPECT_EQ(f.take(pieces[2]), "forwarded");
  EXPECT_EQ(f.take(pieces[2]), "held");  // of another datagram now
}

// A datagram of 22 fragments, 11 of which come first: nobody counts so many gaps.
TEST(ManyFragments, ADisorderWithoutEndIsFollowedToTheEnd) {
  Datagrams f;
  const auto pieces = fragments(
      udp_packet({.source = "10.1.0.7", .destination = kVip}, {}, pattern(22 * 64 - 8)), 64);
  ASSERT_EQ(pieces.size(), 22U);
  for (std::size_t i = 0; i < pieces.size(); i += 2) EXPECT_EQ(f.take(pieces[i]), "forwarded");
  for (std::size_t i = 1; i < pieces.size(); i += 2) EXPECT_EQ(f.take(pieces[i]), "forwarded");
}

TEST(ReusedIds, OfACompleteDatagramInheritNothing) {
  Datagrams f;
  for (const Bytes& piece : Datagrams::of(1, 1000)) ASSERT_EQ(f.take(piece), "forwarded");
  const auto next = Datagrams::of(1, 2000);
  EXPECT_EQ(f.take(next[1]), "held");
  EXPECT_EQ(f.take(next[0]), "forwarded");
  EXPECT_EQ(f.sent.size(), 2U);
}

// Its first fragment came 29.9 s after that of a datagram which was never complete.
TEST(ReusedIds, LiveFromTheirOwnFirstFragment) {
  Datagrams f;
  ASSERT_EQ(f.take(Datagrams::of(1, 1000)[0]), "forwarded");
  f.pass(milliseconds(29900));
  const auto next = Datagrams::of(1, 2000);
  ASSERT_EQ(f.take(next[0]), "forwarded");
  f.pass(milliseconds(200));
  for (const std::size_t n : {1U, 2U, 3U}) EXPECT_EQ(f.take(next[n]), "forwarded");
}

// No expiry has run in between: what is past is past all the same.
TEST(ReusedIds, OfOneWhoseTimeIsPastStartOver) {
  Datagrams f;
  ASSERT_EQ(f.take(Datagrams::of(1)[1]), "held");
  f.now += seconds(31);
  ASSERT_EQ(f.take(Datagrams::of(1)[2]), "held");
  f.pass({});
  EXPECT_EQ(f.timed_out(), 1U);
  EXPECT_EQ(f.take(Datagrams::of(1)[0]), "forwarded");
  EXPECT_EQ(f.sent.size(), 2U);
}

}  // namespace
}  // namespace lvsd
