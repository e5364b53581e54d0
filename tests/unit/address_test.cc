// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/address.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "support/random_seed.h"

namespace lvsd {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(AddressTest, Ipv4) {
  EXPECT_EQ(ip("192.0.2.1"), IpAddress(192, 0, 2, 1));
  EXPECT_EQ(to_string(IpAddress(0, 0, 0, 0)), "0.0.0.0");
  EXPECT_EQ(to_string(ip("255.255.255.255")), "255.255.255.255");
  EXPECT_EQ(to_string(Ipv4Address(Be32(0x01020304))), "1.2.3.4");
  EXPECT_TRUE(ip("1.2.3.4").is_v4());
  EXPECT_EQ(ip("1.2.3.4").v4().wire().host(), 0x01020304U);
  EXPECT_EQ(ip("1.2.3.4").width(), 32U);
}

TEST(AddressTest, Ipv6IsPrintedAsRfc5952Says) {
  constexpr std::pair<std::string_view, std::string_view> kForms[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"2001:DB8::0001", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equal runs
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longer run
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one group is no run
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},            // but is read as one
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"fe80::0:0:0:0", "fe80::"},
  };
  for (const auto& [text, printed] : kForms) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), printed);
    EXPECT_FALSE(address->is_v4());
    EXPECT_EQ(address->width(), 128U);
  }
}

TEST(AddressTest, JunkIsRefused) {
  constexpr std::string_view kJunk[] = {
      "",
      " ",
      ".",
      "1",
      "1.2.3",
      "1.2.3.",
      "1.2.3.4.",
      "1.2.3.4.5",
      ".1.2.3.4",
      "1..2.3",
      "256.1.1.1",
      "1.2.3.1000",
      "01.2.3.4",
      "1.2.3.00",
      "1.2.3.4 ",
      " 1.2.3.4",
      "1.2.3.+4",
      "1.2.3.-4",
      "0x1.2.3.4",
      "1.2.3.4/8",
      "1.2.3.4:80",
      "a.b.c.d",
      ":",
      ":::",
      "1:",
      ":1",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "12345::",
      "g::",
      "::1%eth0",
      "[::1]",
      "::1.2.3",
      "::1.2.3.4.5",
      "1.2.3.4::",
      "1:2:3:4:5:6:7:1.2.3.4",
      "::1.2.3.4:5",
      "-1::",
      "+1::",
      "0x1::",
      "::ffff:1.2.3.4",
      "::ffff:102:304",
      "0:0:0:0:0:FFFF:0:1",
      "1:::2",
      "::1::",
      "1.2.3.4\n",
  };
  for (const std::string_view text : kJunk) EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(AddressTest, PrintedAddressesAreReadBack) {
  std::mt19937 random(test::random_seed());
  for (int round = 0; round < 20'000; ++round) {
    IpAddress::Bytes bytes{};
    for (std::uint8_t& byte : bytes) {
      byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    }
    IpAddress address(bytes);
    if (round % 4 == 0) address = IpAddress(bytes[0], bytes[1], bytes[2], bytes[3]);
    ASSERT_EQ(IpAddress::parse(to_string(address)), address) << to_string(address);
  }
}

TEST(AddressTest, RandomTextIsReadOrRefused) {
  constexpr std::string_view kLetters = "0123456789abcdefF:.::..%/ ";
  std::mt19937 random(test::random_seed());
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (std::size_t i = random() % 24; i > 0; --i) text += kLetters[random() % kLetters.size()];
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (address) {
      ASSERT_EQ(IpAddress::parse(to_string(*address)), address) << text;
    }
  }
}

TEST(AddressTest, Kinds) {
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_FALSE(ip("0.0.0.1").is_unspecified());
  EXPECT_TRUE(ip("127.255.0.1").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_TRUE(ip("255.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_FALSE(ip("223.255.255.255").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("fe80::1").is_multicast());
}

TEST(AddressTest, OrderIsNumeric) {
  EXPECT_LT(ip("9.0.0.0"), ip("10.0.0.0"));
  EXPECT_LT(ip("10.0.0.255"), ip("10.0.1.0"));
  EXPECT_LT(Port(255), Port(256));
  EXPECT_EQ(Port(Be16(80)).host(), 80);
  EXPECT_EQ(to_string(Port(65535)), "65535");
}

TEST(MacTest, RoundTripAndJunk) {
  EXPECT_EQ(to_string(Mac::parse("02:00:5E:ff:00:0a").value()), "02:00:5e:ff:00:0a");
  EXPECT_EQ(to_string(Mac()), "00:00:00:00:00:00");
  for (const std::string_view junk :
       {"", "02:00:00:00:00", "02:00:00:00:00:1", "02:00:00:00:00:001", "02-00-00-00-00-01",
        "02:00:00:00:00:0g", "0:20:00:00:00:011", "02:00:00:00:00:01 ", "+2:00:00:00:00:01"}) {
    EXPECT_FALSE(Mac::parse(junk)) << junk;
  }
}

TEST(PrefixTest, RoundTripAndJunk) {
  EXPECT_EQ(to_string(Prefix::parse("10.1.2.3/15").value()), "10.0.0.0/15");
  EXPECT_EQ(to_string(Prefix::parse("10.1.2.3").value()), "10.1.2.3/32");
  EXPECT_EQ(to_string(Prefix::parse("0.0.0.0/0").value()), "0.0.0.0/0");
  EXPECT_EQ(to_string(Prefix::parse("2001:db8:ffff::1/33").value()), "2001:db8:8000::/33");
  EXPECT_EQ(to_string(Prefix::parse("::1").value()), "::1/128");
  for (const std::string_view junk : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08",
                                      "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "::/ 1", "10/8"}) {
    EXPECT_FALSE(Prefix::parse(junk)) << junk;
  }
}

TEST(PrefixTest, MaskingCountsInTheAddressesOwnFamily) {
  EXPECT_EQ(masked(ip("255.255.255.255"), 0), ip("0.0.0.0"));
  EXPECT_EQ(masked(ip("255.255.255.255"), 1), ip("128.0.0.0"));
  EXPECT_EQ(masked(ip("255.255.255.255"), 31), ip("255.255.255.254"));
  EXPECT_EQ(masked(ip("255.255.255.255"), 32), ip("255.255.255.255"));
  EXPECT_EQ(masked(ip("ffff::ffff"), 4), ip("f000::"));
  EXPECT_EQ(masked(ip("ffff::ffff"), 127), ip("ffff::fffe"));
  EXPECT_EQ(masked(ip("ffff::ffff"), 0), ip("::"));
  EXPECT_EQ(masked(ip("1.2.3.4"), 200), ip("1.2.3.4"));
  EXPECT_EQ(Prefix::of(ip("1.2.3.4"), 200).length, 32);
}

TEST(PrefixTest, Contains) {
  const Prefix prefix = Prefix::parse("10.1.0.0/16").value();
  EXPECT_TRUE(prefix.contains(ip("10.1.255.255")));
  EXPECT_FALSE(prefix.contains(ip("10.2.0.0")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(ip("1.2.3.4")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->contains(ip("2001:db8::1")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(ip("1.2.3.4")));
  EXPECT_TRUE(Prefix::parse("::/0")->contains(ip("2001:db8::1")));
}

TEST(HashTest, NeighbouringAddressesSpread) {
  // 4096 addresses in 4096 buckets: a random function leaves about 1507 of them empty.
  std::set<std::size_t> low, high;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const IpAddress address(Ipv4Address(Be32(0x0a000000U + i)));
    low.insert(IpAddressHash()(address) % 4096);
    high.insert(IpAddressHash()(address) >> 52U);
  }
  EXPECT_GT(low.size(), 2400U);
  EXPECT_GT(high.size(), 2400U);
}

}  // namespace
}  // namespace lvsd
