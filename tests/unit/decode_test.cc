// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/decode.h"

#include <gtest/gtest.h>

#include "support/scapy_frames.h"

namespace lvsd::ctl {
namespace {

using test::from_hex;

std::string value(const Decoded& decoded, std::string_view name) {
  const std::string* const found = decoded.find(name);
  return found != nullptr ? *found : "(none)";
}

TEST(Decode, NamesEveryFieldOfATcpFrame) {
  const Decoded d = decode_frame(from_hex(test::kTcp));
  const std::vector<Field> expected{{"eth.dst", "02:00:00:00:02:11"},
                                    {"eth.src", "02:00:00:00:02:01"},
                                    {"eth.type", "0x0800"},
                                    {"ip.version", "4"},
                                    {"ip.header_length", "20"},
                                    {"ip.tos", "0x00"},
                                    {"ip.length", "49"},
                                    {"ip.id", "7"},
                                    {"ip.flags", "DF"},
                                    {"ip.offset", "0"},
                                    {"ip.ttl", "63"},
                                    {"ip.protocol", "6"},
                                    {"ip.checksum", "0x245b"},
                                    {"ip.src", "10.1.0.1"},
                                    {"ip.dst", "10.0.3.100"},
                                    {"tcp.src", "4000"},
                                    {"tcp.dst", "80"},
                                    {"tcp.seq", "1000"},
                                    {"tcp.ack", "5"},
                                    {"tcp.header_length", "24"},
                                    {"tcp.flags", "PSH,ACK"},
                                    {"tcp.window", "8192"},
                                    {"tcp.checksum", "0x08f7"},
                                    {"tcp.urgent", "0"},
                                    {"tcp.options", "020405b4"},
                                    {"data", "68656c6c6f"}};
  EXPECT_EQ(d.fields, expected);
  EXPECT_EQ(describe(d), "10.1.0.1:4000 > 10.0.3.100:80 tcp PSH,ACK ttl 63 length 49");
}

TEST(Decode, LooksIntoTunnelsAndQuotations) {
  const Decoded tunnel = decode_frame(from_hex(test::kTunnel));
  EXPECT_EQ(value(tunnel, "ip.id"), "99");
  EXPECT_EQ(value(tunnel, "inner.ip.dst"), "10.0.3.100");
  EXPECT_EQ(value(tunnel, "inner.udp.dst"), "2");
  EXPECT_EQ(describe(tunnel),
            "10.0.2.1 > 10.0.2.11 ipip ttl 63 length 49 "
            "[10.1.0.1:1 > 10.0.3.100:2 udp ttl 63 length 29]");
  const Decoded error = decode_frame(from_hex(test::kIcmpError));
  EXPECT_EQ(value(error, "icmp.mtu"), "1280");
  EXPECT_EQ(value(error, "quoted.tcp.seq"), "77");
  EXPECT_EQ(describe(error),
            "10.0.3.100 > 10.1.0.1 icmp 3/4 mtu 1280 ttl 64 length 68 "
            "[10.1.0.1:4000 > 10.0.3.100:80 tcp SYN ttl 63 length 40]");
}

TEST(Decode, QuotedTcpNeedsOnlyEightBytes) {
  auto bytes = from_hex(test::kIcmpError);
  bytes.resize(14 + 20 + 8 + 20 + 8);
  const Decoded d = decode_frame(bytes);
  EXPECT_EQ(value(d, "quoted.tcp.dst"), "80");
  EXPECT_EQ(value(d, "quoted.tcp.seq"), "77");
  EXPECT_EQ(value(d, "quoted.tcp.ack"), "(none)");
}

TEST(Decode, LaterFragmentsHaveNoPorts) {
  const Decoded d = decode_frame(from_hex(test::kFragment));
  EXPECT_EQ(value(d, "ip.offset"), "1480");
  EXPECT_EQ(value(d, "udp.src"), "(none)");
  EXPECT_EQ(describe(d), "10.1.0.1 > 10.0.3.100 protocol 17 fragment 1480 ttl 64 length 31");
}

TEST(Decode, OptionsAndPaddingAreFieldsOfTheirOwn) {
  auto bytes = from_hex(test::kUdpOptions);
  bytes.resize(bytes.size() + 3);
  const Decoded d = decode_frame(bytes);
  EXPECT_EQ(value(d, "ip.options"), "0707040000000000");
  EXPECT_EQ(value(d, "data"), "616263");
  EXPECT_EQ(value(d, "padding"), "000000");
}

TEST(Decode, EveryPrefixOfEveryFrameDecodes) {
  for (const std::string_view hex : test::kAllFrames) {
    const auto bytes = from_hex(hex);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      // Exactly `size` bytes on the heap, so that a sanitizer sees any read behind them.
      const std::vector<std::byte> prefix(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const Decoded d = decode_frame(prefix);
      EXPECT_EQ(d.fields.empty(), size == 0);
      EXPECT_FALSE(describe(d).empty());
    }
  }
}

TEST(Decode, EveryChangedBitChangesAField) {
  for (const std::string_view hex : test::kAllFrames) {
    auto bytes = from_hex(hex);
    const Decoded before = decode_frame(bytes);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const auto flip = static_cast<std::byte>(1U << bit % 8);
      bytes[bit / 8] ^= flip;
      EXPECT_NE(decode_frame(bytes).fields, before.fields) << hex << " bit " << bit;
      bytes[bit / 8] ^= flip;
    }
  }
}

TEST(Decode, TunnelsInTunnelsEnd) {
  // 40 IPv4 headers in each other: what is deeper than anybody sends is data.
  std::vector<std::byte> bytes;
  for (unsigned left = 40; left > 0; --left) {
    auto header = from_hex("45000000000100003f0400000a0002010a00020b");
    header[2] = static_cast<std::byte>(left * 20 >> 8U);
    header[3] = static_cast<std::byte>(left * 20 & 0xffU);
    bytes.insert(bytes.end(), header.begin(), header.end());
  }
  const Decoded d = decode_packet(bytes);
  EXPECT_EQ(value(d, "inner.inner.inner.ip.src"), "10.0.2.1");
  EXPECT_EQ(value(d, "inner.inner.inner.inner.ip.src"), "(none)");
  EXPECT_NE(value(d, "inner.inner.inner.inner.data"), "(none)");
}

TEST(Decode, KnowsItsFieldNames) {
  EXPECT_TRUE(is_field_name("ip.id"));
  EXPECT_TRUE(is_field_name("inner.quoted.tcp.checksum"));
  EXPECT_FALSE(is_field_name("ip.color"));
  EXPECT_FALSE(is_field_name(""));
  for (const std::string_view hex : test::kAllFrames) {
    for (const Field& field : decode_frame(from_hex(hex)).fields) {
      EXPECT_TRUE(is_field_name(field.name)) << field.name;
    }
  }
}

}  // namespace
}  // namespace lvsd::ctl
