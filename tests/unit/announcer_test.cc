// SPDX-License-Identifier: GPL-2.0-or-later
// What the announcer decides and sends, without an interface: where a VIP belongs, what the record
// says, and the frames.
#include <gtest/gtest.h>

#include <algorithm>

#include "lvsd/io/announce_frames.h"
#include "lvsd/io/announcer_record.h"
#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

Interface interface(std::uint32_t index, std::string name,
                    std::vector<InterfaceAddress> addresses) {
  Interface made;
  made.index = InterfaceIndex{index};
  made.name = std::move(name);
  made.addresses = std::move(addresses);
  made.loopback = made.name == "lo";
  return made;
}

Network host() {
  Network::Parts parts;
  parts.interfaces = {
      interface(1, "lo", {{IpAddress(127, 0, 0, 1), 8}}),
      interface(2, "wide", {{IpAddress(10, 0, 0, 1), 8}}),
      interface(3, "narrow",
                {{IpAddress(10, 1, 0, 1), 16}, {*IpAddress::parse("2001:db8::1"), 64}}),
      interface(4, "alone", {{IpAddress(10, 1, 1, 1), 32}})};
  return Network(std::move(parts));
}

std::string chosen(const char* vip, const Announce& announce = {}) {
  const Network network = host();
  const auto result = choose_interface(*IpAddress::parse(vip), announce, network);
  return result ? (*result)->name : result.error().message;
}

TEST(Announcer, VipGoesWhereItsNetworkIs) {
  EXPECT_EQ(chosen("10.2.0.1"), "wide");
  EXPECT_EQ(chosen("10.1.0.9"), "narrow");  // the longer prefix
  EXPECT_EQ(chosen("10.1.1.1"), "narrow");  // a /32 holds no network
  EXPECT_EQ(chosen("2001:db8::9"), "narrow");
  EXPECT_EQ(chosen("192.0.2.1"), "lo");
  EXPECT_EQ(chosen("2001:db8:1::1"), "lo");
}

TEST(Announcer, ConfiguredInterfaceWins) {
  Announce announce;
  announce.interface = "wide";
  EXPECT_EQ(chosen("10.1.0.9", announce), "wide");
  announce.interface = "eth9";
  EXPECT_EQ(chosen("10.1.0.9", announce), "there is no interface eth9 to put 10.1.0.9 on");
}

TEST(Announcer, WithoutLoAndNetwork) {
  const Network network{Network::Parts{}};
  EXPECT_FALSE(choose_interface(IpAddress(192, 0, 2, 1), {}, network));
}

TEST(Announcer, RecordIsReadAsItWasWritten) {
  const std::vector<OwnAddress> own = {{IpAddress(192, 0, 2, 1), "eth0"},
                                       {*IpAddress::parse("2001:db8::1"), "lo"}};
  const std::string text = format_record(own);
  EXPECT_EQ(text, "192.0.2.1 eth0\n2001:db8::1 lo\n");
  std::vector<OwnAddress> sorted = own;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(parse_record(text), sorted);
}

TEST(Announcer, GarbageInTheRecordIsPassedOver) {
  const std::string text =
      "192.0.2.1 eth0\n\nnonsense\n192.0.2.2\n192.0.2.3 \n 192.0.2.4 eth0\n192.0.2.5 two names\n"
      "192.0.2.256 eth0\n192.0.2.6 name-that-is-too-long\n192.0.2.1 eth0\n192.0.2.7 ../x\n"
      "192.0.2.8 eth\x01\n192.0.2.9 lo";
  const std::vector<OwnAddress> expected = {{IpAddress(192, 0, 2, 1), "eth0"},
                                            {IpAddress(192, 0, 2, 9), "lo"}};
  EXPECT_EQ(parse_record(text), expected);
  EXPECT_TRUE(parse_record("").empty());
  EXPECT_TRUE(parse_record(std::string(1000, '\0')).empty());
  EXPECT_TRUE(parse_record(std::string(1000, '\n')).empty());
}

// A record cut short, by a full disk say, gives whole addresses and at worst the beginning of a
// name.
TEST(Announcer, RecordCutAnywhere) {
  const std::string text = "192.0.2.1 eth0\n192.0.2.2 eth1\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::vector<OwnAddress> own = parse_record(std::string_view(text).substr(0, size));
    EXPECT_EQ(own.size(), size < 11 ? 0U : size < 26 ? 1U : 2U) << size;
    if (!own.empty()) {
      EXPECT_EQ(own[0].address, IpAddress(192, 0, 2, 1)) << size;
    }
    if (size >= 14) {
      EXPECT_EQ(own[0].interface, "eth0") << size;
    }
  }
}

std::string hex(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    text += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

TEST(Announcer, ArpAnnouncement) {
  EXPECT_EQ(hex(announcement_frame(Mac({2, 0, 0, 0, 0, 9}), IpAddress(192, 0, 2, 10))),
            "ffffffffffff020000000009"
            "0806"
            "0001080006040001"
            "020000000009c000020a"
            "000000000000c000020a");
}

// The checksum is scapy's: Ether/IPv6/ICMPv6ND_NA(R=0,S=0,O=1)/ICMPv6NDOptDstLLAddr.
TEST(Announcer, UnsolicitedNeighborAdvertisement) {
  EXPECT_EQ(hex(announcement_frame(Mac({2, 0, 0, 0, 0, 9}), *IpAddress::parse("2001:db8::10"))),
            "333300000001020000000009"
            "86dd"
            "6000000000203aff"
            "20010db8000000000000000000000010"
            "ff020000000000000000000000000001"
            "8800f90420000000"
            "20010db8000000000000000000000010"
            "0201020000000009");
}

}  // namespace
}  // namespace lvsd
