// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/wire.h"

#include <gtest/gtest.h>

#include <limits>

#include "lvsd/net/headers.h"
#include "lvsd/net/packet_buffer.h"

namespace lvsd {
namespace {

TEST(BeTest, LiesInNetworkOrder) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(Be32(0x01020304));
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(Be16(0x1234).host(), 0x1234);
  EXPECT_EQ(Be<std::uint64_t>(0x0102030405060708).host(), 0x0102030405060708U);
  EXPECT_EQ(Be<std::uint8_t>(7).host(), 7);
  EXPECT_EQ(Be16(), Be16(0));
  static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);
}

TEST(LoadTest, StopsAtTheEnd) {
  std::array<std::byte, 10> bytes{};
  bytes[2] = std::byte{0xab};
  EXPECT_EQ(load<UdpHeader>(bytes, 2)->source.host(), 0xab00);
  EXPECT_FALSE(load<UdpHeader>(bytes, 3));
  EXPECT_FALSE(load<UdpHeader>(bytes, 10));
  EXPECT_FALSE(load<UdpHeader>(bytes, 11));
  EXPECT_FALSE(load<UdpHeader>(bytes, std::numeric_limits<std::size_t>::max()));
  EXPECT_FALSE(load<UdpHeader>({}, 0));
}

TEST(StoreTest, WritesAllOrNothing) {
  std::array<std::byte, 10> bytes{};
  UdpHeader udp;
  udp.source = Be16(0x1234);
  EXPECT_FALSE(store(std::span<std::byte>(bytes), udp, 3));
  EXPECT_FALSE(store(std::span<std::byte>(bytes), udp, std::numeric_limits<std::size_t>::max()));
  EXPECT_EQ(bytes, (std::array<std::byte, 10>{}));
  EXPECT_TRUE(store(std::span<std::byte>(bytes), udp, 2));
  EXPECT_EQ(bytes[2], std::byte{0x12});
  EXPECT_EQ(bytes[3], std::byte{0x34});
}

TEST(HeadersTest, FlagsAndLengths) {
  Ipv4Header ip;
  ip.version_ihl = 0x4f;
  ip.flags_offset = Be16(0x4000);
  EXPECT_EQ(ip.version(), 4U);
  EXPECT_EQ(ip.header_length(), 60U);
  EXPECT_TRUE(ip.dont_fragment());
  EXPECT_FALSE(ip.more_fragments());
  ip.flags_offset = Be16(0x3fff);
  EXPECT_TRUE(ip.more_fragments());
  EXPECT_EQ(ip.fragment_offset(), 65528U);
  TcpHeader tcp;
  tcp.data_offset = 0xf0;
  EXPECT_EQ(tcp.header_length(), 60U);
}

TEST(PacketBufferTest, PrependsIntoItsHeadroom) {
  std::array<std::byte, 100> storage{};
  PacketBuffer packet(storage, 20, 60);
  EXPECT_EQ(packet.bytes().data(), storage.data() + 20);
  EXPECT_FALSE(packet.prepend(21));
  EXPECT_EQ(packet.size(), 60U);
  EXPECT_TRUE(packet.prepend(20));
  EXPECT_EQ(packet.headroom(), 0U);
  EXPECT_EQ(packet.size(), 80U);
  EXPECT_EQ(packet.bytes().data(), storage.data());
  packet.truncate(90);
  EXPECT_EQ(packet.size(), 80U);
  packet.truncate(10);
  EXPECT_EQ(packet.bytes().size(), 10U);
}

}  // namespace
}  // namespace lvsd
