// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/crc32c.h"

#include <gtest/gtest.h>

#include <array>

#include "support/packet_builder.h"

namespace lvsd {
namespace {

// RFC 3720 appendix B.4.
TEST(Crc32c, VectorsOfRfc3720) {
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  bytes.fill(std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes.at(i) = std::byte(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes.at(i) = std::byte(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);
}

TEST(Crc32c, TheCheckValueAndNothing) {
  EXPECT_EQ(crc32c(test::text("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

// The builder's own is bit by bit, so tables, steps of eight and leftovers are all held to it.
TEST(Crc32c, EveryLengthAgreesWithTheBuilders) {
  for (std::size_t size = 0; size < 70; ++size) {
    const test::Bytes bytes = test::pattern(size, 77);
    EXPECT_EQ(crc32c(bytes), test::plain_crc32c(bytes)) << size;
  }
}

TEST(Crc32c, TheFieldItselfCountsAsZeroAndIsLeastSignificantFirst) {
  test::Bytes packet = test::pattern(29);
  const Be32 checksum = sctp_checksum(packet);
  packet[8] = packet[9] = packet[10] = packet[11] = std::byte{0x5a};
  EXPECT_EQ(sctp_checksum(packet), checksum);
  packet[8] = packet[9] = packet[10] = packet[11] = std::byte{0};
  const std::uint32_t crc = test::plain_crc32c(packet);
  const std::uint32_t wire = checksum.host();
  EXPECT_EQ(wire >> 24U, crc & 0xffU);
  EXPECT_EQ(wire & 0xffU, crc >> 24U);
  EXPECT_EQ(wire >> 16U & 0xffU, crc >> 8U & 0xffU);
}

TEST(Crc32c, NoHeaderNoChecksum) { EXPECT_EQ(sctp_checksum(test::pattern(11)), Be32()); }

}  // namespace
}  // namespace lvsd
