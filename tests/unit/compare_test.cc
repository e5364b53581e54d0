// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/compare.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "lvsd/io/pcap_writer.h"
#include "support/scapy_frames.h"

namespace lvsd::ctl {
namespace {

using test::from_hex;
using Bytes = std::vector<std::byte>;

constexpr Mac kServerSide(Mac::Bytes{2, 0, 0, 0, 2, 1});  // as in scapy_frames.h
constexpr Mac kClientSide(Mac::Bytes{2, 0, 0, 0, 1, 1});

Network director() {
  Network::Parts parts;
  parts.interfaces = {{.index = InterfaceIndex{1},
                       .name = "client",
                       .mac = kClientSide,
                       .addresses = {{IpAddress(10, 0, 1, 1), 24}, {IpAddress(10, 0, 3, 100), 32}}},
                      {.index = InterfaceIndex{2},
                       .name = "server",
                       .mac = kServerSide,
                       .addresses = {{IpAddress(10, 0, 2, 1), 24}}}};
  return Network(parts);
}

class CompareTest : public ::testing::Test {
 protected:
  ~CompareTest() override { std::filesystem::remove(file_); }

  void expect(Bytes frame, std::size_t cut_by = 0) {
    const std::size_t length = frame.size();
    frame.resize(length - cut_by);
    writer_.write({TimePoint(), frame, length});
  }
  Comparison load(const std::vector<std::string>& ignore = {}) {
    EXPECT_TRUE(writer_.close());
    Ignore rules;
    for (const std::string& word : ignore) EXPECT_TRUE(rules.add(word)) << word;
    auto comparison = Comparison::load(file_, rules, {kServerSide, kClientSide});
    EXPECT_TRUE(comparison) << comparison.error().message;
    return std::move(*comparison);
  }
  void take(Comparison& comparison, const Bytes& frame, bool guessed = false, bool routed = false) {
    comparison.take({{TimePoint(), frame, frame.size()}, ++taken_, guessed, routed}, network_);
  }

  const std::string file_ = (std::filesystem::temp_directory_path() /
                             ("lvsd-compare-" + std::to_string(::getpid()) + ".pcap"))
                                .string();
  PcapWriter writer_ = PcapWriter::open(file_).value();
  const Network network_ = director();
  std::uint64_t taken_ = 0;
};

Bytes with(std::string_view hex, std::size_t offset, unsigned value) {
  Bytes bytes = from_hex(hex);
  bytes.at(offset) = static_cast<std::byte>(value);
  return bytes;
}
// Offsets into an Ethernet frame.
constexpr std::size_t kSourceMac = 11, kIpId = 19, kTtl = 22, kIpSum = 25;
constexpr std::size_t kTcpSource = 35, kTcpSequence = 41;

TEST_F(CompareTest, EqualFramesAreEqual) {
  expect(from_hex(test::kTcp));
  expect(from_hex(test::kTunnel));
  Comparison c = load();
  take(c, from_hex(test::kTcp));
  take(c, from_hex(test::kTunnel));
  c.finish();
  EXPECT_FALSE(c.difference());
  EXPECT_EQ(c.compared(), 2U);
}

TEST_F(CompareTest, TheFirstDifferingFieldIsNamed) {
  expect(from_hex(test::kTcp));
  expect(from_hex(test::kTcp));
  Comparison c = load();
  take(c, from_hex(test::kTcp));
  take(c, with(test::kTcp, kTtl, 62));
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->expected_number, 2U);
  EXPECT_EQ(c.difference()->got_number, 2U);
  EXPECT_EQ(c.difference()->field, "ip.ttl");
  const std::string text = to_string(*c.difference());
  EXPECT_NE(text.find("ip.ttl: expected 63, got 62"), std::string::npos) << text;
  EXPECT_NE(text.find("* ip.ttl"), std::string::npos) << text;
  EXPECT_NE(text.find("  ip.src"), std::string::npos) << text;
}

TEST_F(CompareTest, PayloadDifferencesShowWhere) {
  expect(from_hex(test::kTcp));
  Comparison c = load();
  take(c, with(test::kTcp, from_hex(test::kTcp).size() - 1, 0x58));
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->field, "data");
  const std::string text = to_string(*c.difference());
  EXPECT_NE(text.find("data differs"), std::string::npos) << text;
  EXPECT_NE(text.find("68656c6c58"), std::string::npos) << text;
}

TEST_F(CompareTest, MissingAndUnexpectedPacketsAreDifferences) {
  expect(from_hex(test::kTcp));
  expect(from_hex(test::kUdpOptions));
  Comparison missing = load();
  take(missing, from_hex(test::kTcp));
  missing.finish();
  ASSERT_TRUE(missing.difference());
  EXPECT_EQ(missing.difference()->expected_number, 2U);
  EXPECT_EQ(missing.difference()->got_number, 0U);
  EXPECT_NE(to_string(*missing.difference()).find("is missing: 10.1.0.1:53"), std::string::npos);
}

TEST_F(CompareTest, UnexpectedPackets) {
  Comparison c = load();
  take(c, from_hex(test::kTcp));
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->expected_number, 0U);
  EXPECT_NE(to_string(*c.difference()).find("was not expected"), std::string::npos);
}

TEST_F(CompareTest, OrderCountsWithinAnInterfaceOnly) {
  const Bytes to_client = with(test::kTcp, kSourceMac - 1, 1);
  expect(from_hex(test::kTcp));
  expect(to_client);
  Comparison c = load();
  take(c, to_client);
  take(c, from_hex(test::kTcp));
  c.finish();
  EXPECT_FALSE(c.difference());
}

TEST_F(CompareTest, OnlyTheDirectorsIpv4FramesAreExpected) {
  expect(from_hex(test::kArp));                // the kernel's ARP
  expect(with(test::kTcp, kSourceMac, 0x77));  // sent by a real server
  Bytes group = with(test::kTcp, 0, 1);        // to a multicast MAC
  expect(group);
  expect(from_hex(test::kTcp));
  Comparison c = load();
  take(c, from_hex(test::kTcp));
  c.finish();
  EXPECT_FALSE(c.difference());
  EXPECT_EQ(c.compared(), 1U);
}

TEST_F(CompareTest, AnIgnoredFieldTakesItsSumAlong) {
  Bytes changed = with(test::kTcp, kIpId, 9);
  changed[kIpSum] = static_cast<std::byte>(0x59);
  expect(from_hex(test::kTcp));
  expect(from_hex(test::kTcp));
  Comparison c = load({"ip.id"});
  take(c, changed);
  EXPECT_FALSE(c.difference());
  changed[kTtl] = static_cast<std::byte>(62);
  take(c, changed);
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->field, "ip.ttl");
}

TEST_F(CompareTest, MadeIdsAreIgnoredOnlyInPacketsTheDirectorMakes) {
  for (const std::string_view hex : {test::kTunnel, test::kIcmpError, test::kTcp}) {
    expect(from_hex(hex));
  }
  Comparison c = load({"made.ip.id"});
  take(c, with(test::kTunnel, kIpId, 200));
  take(c, with(test::kIcmpError, kIpId, 200));
  EXPECT_FALSE(c.difference());
  take(c, with(test::kTcp, kIpId, 200));
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->field, "ip.id");
}

// Both have another source port, so that the first one's sum differs, too.
TEST_F(CompareTest, FragmentsOfAGueTunnelsPacketAreMadeByTheDirector) {
  constexpr std::size_t kPort = 34, kUdpSum = 40, kInnerTtl = 14 + 20 + 8 + 4 + 8;
  for (int i = 0; i < 2; ++i) {
    expect(from_hex(test::kGueFirst));
    expect(from_hex(test::kGueLater));
  }
  Comparison c = load({"made.ip.id", "made.udp.src"});
  Bytes first = with(test::kGueFirst, kIpId, 7);
  first[kPort] = std::byte{0xd0};
  first[kUdpSum] = std::byte{1};
  take(c, first);
  take(c, with(test::kGueLater, kIpId, 7));
  EXPECT_FALSE(c.difference()) << c.difference()->field;
  take(c, with(test::kGueFirst, kInnerTtl, 9));
  ASSERT_TRUE(c.difference());
  EXPECT_EQ(c.difference()->field, "inner.ip.ttl");
}

TEST_F(CompareTest, CutPacketsTakeTheirPlaceButAreNotCompared) {
  expect(from_hex(test::kTcp), 10);
  expect(from_hex(test::kTcp));
  expect(from_hex(test::kUdpOptions));
  Comparison c = load();
  take(c, with(test::kTcp, kTtl, 1));        // expectation cut
  take(c, with(test::kTcp, kTtl, 1), true);  // made from a cut packet
  take(c, from_hex(test::kUdpOptions));
  c.finish();
  EXPECT_FALSE(c.difference());
  EXPECT_EQ(c.compared(), 1U);
  EXPECT_EQ(c.not_compared(), 2U);
}

TEST_F(CompareTest, RoutedPacketsHaveTheKernelsMacs) {
  expect(from_hex(test::kTcp));
  Comparison c = load();
  Bytes routed = from_hex(test::kTcp);
  std::fill_n(routed.begin(), 6, std::byte{0});
  take(c, routed, false, true);
  c.finish();
  EXPECT_FALSE(c.difference());
}

// The other direction of a frame.
Bytes swapped(std::string_view hex, std::size_t port_bytes) {
  Bytes bytes = from_hex(hex);
  for (std::size_t i = 0; i < 4; ++i) std::swap(bytes[26 + i], bytes[30 + i]);
  for (std::size_t i = 0; i < port_bytes; ++i) std::swap(bytes[34 + i], bytes[36 + i]);
  return bytes;
}

TEST_F(CompareTest, AnswersOfTheStackArePassedOverWhenAskedTo) {
  const Bytes segment = from_hex(test::kTcp), ping = swapped(test::kEcho, 0);  // to the VIP
  for (const bool asked : {false, true}) {
    expect(swapped(test::kTcp, 2));
    expect(from_hex(test::kUdpOptions));
    expect(from_hex(test::kEcho));
    Comparison c = asked ? load({"stack"}) : load();
    c.leave_to_stack(std::span(segment).subspan(14), network_);
    c.leave_to_stack(std::span(ping).subspan(14), network_);
    take(c, from_hex(test::kUdpOptions));
    c.finish();
    EXPECT_NE(c.difference().has_value(), asked);
    writer_ = PcapWriter::open(file_).value();
  }
}

TEST_F(CompareTest, WhatNobodyAskedTheStackForIsMissing) {
  expect(swapped(test::kTcp, 2));
  Comparison c = load({"stack"});
  const Bytes ping = swapped(test::kEcho, 0);
  c.leave_to_stack(std::span(ping).subspan(14), network_);
  c.finish();
  EXPECT_TRUE(c.difference());
}

TEST_F(CompareTest, TheStackAnswersForItsOwnAddressesOnly) {
  expect(swapped(test::kUdpOptions, 0));  // as a NAT request whose service was lost
  Comparison c = load({"stack"});
  const Bytes reply = from_hex(test::kUdpOptions);
  c.leave_to_stack(std::span(reply).subspan(14), Network(Network::Parts{}));  // without the VIP
  c.finish();
  EXPECT_TRUE(c.difference());
}

TEST_F(CompareTest, WhatTheStackRoutesIsPassedOverAsItCameOnly) {
  const Bytes packet = from_hex(test::kTcp);
  const auto hop = static_cast<std::uint8_t>(packet[kTtl]);
  for (const std::uint8_t ttl : {hop, static_cast<std::uint8_t>(hop - 1)}) {
    expect(with(test::kTcp, kTtl, ttl));
    Comparison c = load({"stack"});
    c.leave_to_stack(std::span(packet).subspan(14), Network(Network::Parts{}));
    c.finish();
    EXPECT_EQ(c.difference().has_value(), ttl == hop);
    writer_ = PcapWriter::open(file_).value();
  }
}

TEST_F(CompareTest, TheStackSaysThatATtlWasUsedUp) {
  for (const bool used_up : {false, true}) {
    expect(from_hex(test::kIcmpError));
    Comparison c = load({"stack"});
    Bytes packet = from_hex(test::kTcp);
    if (used_up) {  // from 63 hops to one, and the header's sum accordingly
      packet.at(kTtl) = std::byte{1};
      packet.at(kIpSum - 1) = std::byte{0x24 + 62};
    }
    c.leave_to_stack(std::span(packet).subspan(14), Network(Network::Parts{}));
    c.finish();
    EXPECT_EQ(c.difference().has_value(), !used_up);
    writer_ = PcapWriter::open(file_).value();
  }
}

TEST_F(CompareTest, MacsCanBeIgnored) {
  expect(from_hex(test::kTcp));
  Comparison c = load({"mac"});
  take(c, with(test::kTcp, kSourceMac - 1, 1));
  c.finish();
  EXPECT_FALSE(c.difference());
}

TEST(IgnoreRules, SumsCoverWhatTheySumOver) {
  const auto is_ignored = [](const char* rule, const char* field) {
    Ignore ignore;
    EXPECT_TRUE(ignore.add(rule));
    return ignored(ignore, field, false);
  };
  EXPECT_TRUE(is_ignored("tcp.seq", "tcp.checksum"));
  EXPECT_FALSE(is_ignored("tcp.seq", "ip.checksum"));
  EXPECT_TRUE(is_ignored("ip.src", "udp.checksum"));  // the pseudo header
  EXPECT_FALSE(is_ignored("ip.ttl", "udp.checksum"));
  EXPECT_TRUE(is_ignored("quoted.ip.ttl", "icmp.checksum"));
  EXPECT_TRUE(is_ignored("quoted.ip.ttl", "quoted.ip.checksum"));
  EXPECT_FALSE(is_ignored("quoted.ip.ttl", "ip.checksum"));
  EXPECT_FALSE(is_ignored("ip.id", "inner.ip.checksum"));
  EXPECT_FALSE(is_ignored("eth.src", "ip.checksum"));
}

TEST(IgnoreRules, RefusesWhatIsNoField) {
  Ignore ignore;
  const Status status = ignore.add("ip.color");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("ip.color"), std::string::npos);
}

TEST_F(CompareTest, ConversationsMayComeInAnotherOrderWhereToldSo) {
  const Bytes one = from_hex(test::kTcp), other = with(test::kTcp, kTcpSource, 0x77);
  const Bytes later = with(test::kTcp, kTcpSequence, 0x99);
  for (const Bytes& frame : {one, later, other}) expect(frame);
  Comparison strict = load();
  take(strict, other);
  EXPECT_TRUE(strict.difference());

  Comparison free = load({"order"});
  for (const Bytes& frame : {other, one, later}) take(free, frame);
  free.finish();
  EXPECT_FALSE(free.difference());
  EXPECT_EQ(free.compared(), 3U);

  Comparison within = load({"order"});  // one conversation's own order counts
  take(within, later);
  ASSERT_TRUE(within.difference());
  EXPECT_EQ(within.difference()->field, "tcp.seq");

  Comparison lost = load({"order"});
  for (const Bytes& frame : {other, one}) take(lost, frame);
  lost.finish();
  ASSERT_TRUE(lost.difference());
  EXPECT_EQ(lost.difference()->expected_number, 2U);
}

}  // namespace
}  // namespace lvsd::ctl
