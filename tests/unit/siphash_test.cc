// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/siphash.h"

#include <gtest/gtest.h>

#include <set>

#include "lvsd/net/address.h"
#include "support/packet_builder.h"

namespace lvsd {
namespace {

// The authors' reference implementation with one and three rounds: key 00..0f, input 00, 01, ... of
// each length from 0 on.
TEST(SipHashTest, PublishedVectors) {
  constexpr HashSeed kKey{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  constexpr std::uint64_t kExpected[] = {
      0xabac0158050fc4dcU, 0xc9f49bf37d57ca93U, 0x82cb9b024dc7d44dU, 0x8bf80ab8e7ddf7fbU,
      0xcf75576088d38328U, 0xdef9d52f49533b67U, 0xc50d2b50c59f22a7U, 0xd3927d989bb11140U,
      0x369095118d299a8eU, 0x25a48eb36c063de4U, 0x79de85ee92ff097fU, 0x70c118c1f94dc352U,
      0x78a384b157b4d9a2U, 0x306f760c1229ffa7U, 0x605aa111c0f95d34U, 0xd320d86d2a519956U,
      0xcc4fdd1a7d908b66U, 0x9cf2689063dbd80cU, 0x8ffc389cb473e63eU, 0xf21f9de58d297d1cU};
  for (std::size_t length = 0; length < std::size(kExpected); ++length) {
    EXPECT_EQ(siphash13(kKey, test::pattern(length)), kExpected[length]) << "length " << length;
  }
}

// Another implementation, CPython 3.11's hash() of bytes with PYTHONHASHSEED=0: a zero key.
TEST(SipHashTest, ZeroKey) {
  EXPECT_EQ(siphash13({}, test::pattern(7)), 0x2f098ab0c751325aU);
  EXPECT_EQ(siphash13({}, test::pattern(16)), 0x8972188433a5c5b7U);
  EXPECT_EQ(siphash13({}, test::pattern(63)), 0x385d3e39e5f37359U);
}

// The kernel's hsiphash of one 32-bit word, as its mh scheduler uses it (reference section 4.12).
TEST(SipHashTest, KernelTruncation) {
  const auto hash = [](std::uint32_t value) {
    constexpr std::uint64_t kKey = 2654435761U;
    const std::array<std::uint8_t, 4> little = {
        static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8U),
        static_cast<std::uint8_t>(value >> 16U), static_cast<std::uint8_t>(value >> 24U)};
    return static_cast<std::uint32_t>(siphash13({kKey, kKey}, std::as_bytes(std::span(little))));
  };
  const auto number = [](std::string_view text) {
    return IpAddress::parse(text)->v4().wire().host();
  };
  EXPECT_EQ(hash(number("192.0.2.1")), 0x92889c88U);
  EXPECT_EQ(hash(number("192.0.2.1") + 51324), 0x1c7d592cU);
  EXPECT_EQ(hash(number("198.51.100.7")), 0xadb98ab6U);
  EXPECT_EQ(hash(number("198.51.100.7") + 51324), 0xcd1bd000U);
  EXPECT_EQ(hash(number("203.0.113.200")), 0x9da0894bU);
  EXPECT_EQ(hash(number("203.0.113.200") + 51324), 0x23dba0b1U);
  EXPECT_EQ(hash(number("10.0.0.11")), 0x77b85f9dU);
  EXPECT_EQ(hash(number("10.0.0.11") + 51324), 0x7ec410d2U);
  EXPECT_EQ(hash(number("203.0.113.200")) % 4093, 3310U);
}

TEST(SipHashTest, SeedAndLengthMatter) {
  std::set<std::uint64_t> seen;
  for (std::size_t length = 0; length < 64; ++length) {  // all zero: only the length differs
    const test::Bytes zeros(length);
    seen.insert(siphash13({1, 2}, zeros));
    seen.insert(siphash13({2, 1}, zeros));
  }
  EXPECT_EQ(seen.size(), 128U);
}

}  // namespace
}  // namespace lvsd
