// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "support/packet_builder.h"
#include "support/random_seed.h"

namespace lvsd {
namespace {

using test::Bytes;

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes out(size);
  for (std::byte& byte : out) byte = std::byte(random() & 0xffU);
  return out;
}

TEST(ChecksumTest, Rfc1071Example) {  // section 3: the sum is ddf2
  const std::uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(std::as_bytes(std::span(data))), Be16(0x220d));
}

TEST(ChecksumTest, NothingAndZeros) {
  EXPECT_EQ(internet_checksum({}), Be16(0xffff));
  EXPECT_EQ(internet_checksum(Bytes(20)), Be16(0xffff));
}

TEST(ChecksumTest, EveryLengthAgreesWithThePlainLoop) {
  std::mt19937 random(test::random_seed());
  for (std::size_t size = 0; size < 200; ++size) {
    const Bytes bytes = random_bytes(random, size);
    EXPECT_EQ(internet_checksum(bytes).host(), test::plain_checksum(bytes)) << size << " bytes";
  }
  const Bytes ones(65535, std::byte{0xff});
  EXPECT_EQ(internet_checksum(ones).host(), test::plain_checksum(ones));
}

TEST(ChecksumTest, OddLengthPadsBehind) {
  const std::uint8_t data[] = {0x12};
  EXPECT_EQ(internet_checksum(std::as_bytes(std::span(data))), Be16(0xedff));
}

TEST(ChecksumTest, SumInParts) {
  std::mt19937 random(test::random_seed());
  const Bytes bytes = random_bytes(random, 101);
  for (std::size_t cut = 0; cut <= 100; cut += 2) {
    ChecksumSum sum;
    sum.add(std::span(bytes).first(cut));
    sum.add(std::span(bytes).subspan(cut));
    EXPECT_EQ(sum.finish().host(), test::plain_checksum(bytes)) << "cut at " << cut;
  }
}

TEST(ChecksumTest, PseudoHeader) {
  const Bytes packet = test::udp_packet({}, {}, test::text("odd length here"));
  ChecksumSum sum;
  const std::span transport = std::span(packet).subspan(20);
  sum.add_pseudo(Ipv4Address({198, 51, 100, 7}), Ipv4Address({192, 0, 2, 10}), 17,
                 transport.size());
  sum.add(transport);
  EXPECT_EQ(sum.finish(), Be16());  // data with its right checksum sums up to zero
}

TEST(ChecksumTest, FinishesAnIpHeader) {
  const Bytes options = test::pattern(12, 1);
  const Bytes packet = test::ip_packet({.ttl = 3, .options = options}, 99, test::pattern(5));
  Ipv4Header header = *load<Ipv4Header>(packet);
  const Be16 right = header.checksum;
  header.checksum = Be16(0x5555);
  finish_checksum(header, options);
  EXPECT_EQ(header.checksum, right);
}

// RFC 1624 section 4: the older formula would give ffff here, which no full computation gives.
TEST(ChecksumDeltaTest, TheZeroCorner) {
  ChecksumDelta delta;
  delta.replace(Be16(0x5555), Be16(0x3285));
  EXPECT_EQ(delta.apply(Be16(0xdd2f)), Be16(0x0000));
}

TEST(ChecksumDeltaTest, NothingReplacedChangesNothing) {
  for (unsigned value = 0; value <= 0xffff; value += 5) {
    const Be16 checksum(static_cast<std::uint16_t>(value));
    EXPECT_EQ(ChecksumDelta().apply(checksum), checksum);
  }
}

TEST(ChecksumDeltaTest, SameWordKeepsAnyRightChecksum) {
  for (unsigned value = 0; value < 0xffff; ++value) {  // ffff is right for zeros alone
    ChecksumDelta delta;
    delta.replace(Be16(0x1234), Be16(0x1234));
    const Be16 checksum(static_cast<std::uint16_t>(value));
    ASSERT_EQ(delta.apply(checksum), checksum);
  }
}

// Any rewrite of words and addresses gives what a full computation over the result gives.
TEST(ChecksumDeltaTest, AgreesWithFullRecomputation) {
  std::mt19937 random(test::random_seed());
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = random_bytes(random, 20);
    bytes[18] = std::byte{1};  // all-zero data is the one case with two checksums
    const Be16 before = internet_checksum(bytes);
    ChecksumDelta delta;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t at = 2 * (random() % 4);
      const Be16 word(static_cast<std::uint16_t>(random() % 4 == 0 ? 0xffff * (random() % 2)
                                                                   : random() & 0xffffU));
      delta.replace(*load<Be16>(bytes, at), word);
      store(std::span<std::byte>(bytes), word, at);
    }
    const Ipv4Address address(Be32(static_cast<std::uint32_t>(random())));
    delta.replace(*load<Ipv4Address>(bytes, 12), address);
    store(std::span<std::byte>(bytes), address, 12);
    ASSERT_EQ(delta.apply(before).host(), test::plain_checksum(bytes)) << "round " << round;
  }
}

}  // namespace
}  // namespace lvsd
