// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/link_layer.h"

#include <gtest/gtest.h>

#include "lvsd/ctl/capture_time.h"
#include "lvsd/net/checksum.h"
#include "support/scapy_frames.h"

namespace lvsd::ctl {
namespace {

using test::from_hex;
using Bytes = std::vector<std::byte>;

// The frames of scapy_frames.h go from 02:…:02:01 to 02:…:02:11.
Network with_mac(std::uint8_t last_but_one, std::uint8_t last) {
  Network::Parts parts;
  parts.interfaces = {{.index = InterfaceIndex{2},
                       .name = "eth1",
                       .mac = Mac(Mac::Bytes{2, 0, 0, 0, last_but_one, last}),
                       .addresses = {{IpAddress(10, 0, 2, 1), 24}}}};
  return Network(parts);
}

std::string outcome(const Bytes& bytes, const Network& network, LinkType type = LinkType::ethernet,
                    std::size_t cut_from = 0) {
  const CapturedFrame frame{TimePoint(), bytes, std::max(bytes.size(), cut_from)};
  const auto result = arrive(frame, type, network);
  if (const Skip* const skip = std::get_if<Skip>(&result)) return std::string(to_string(*skip));
  const Arrival& arrival = std::get<Arrival>(result);
  return arrival.interface + ":" + std::to_string(arrival.length) + (arrival.cut() ? " cut" : "");
}

Bytes retyped(std::uint8_t high, std::uint8_t low) {
  Bytes frame = from_hex(test::kTcp);
  frame[12] = std::byte{high};
  frame[13] = std::byte{low};
  return frame;
}

TEST(Arrive, AFrameBelongsToTheInterfaceOfItsMac) {
  EXPECT_EQ(outcome(from_hex(test::kTcp), with_mac(2, 0x11)), "eth1:49");
  EXPECT_EQ(outcome(from_hex(test::kTcp), with_mac(2, 0x01)), "sent-by-director");
  EXPECT_EQ(outcome(from_hex(test::kTcp), with_mac(2, 0x12)), "other-machine");
  Bytes group = from_hex(test::kTcp);
  group[0] = std::byte{0xff};
  EXPECT_EQ(outcome(group, with_mac(2, 0x11)), "group-address");
}

TEST(Arrive, WithoutANetworkEveryFrameIsTaken) {
  EXPECT_EQ(outcome(from_hex(test::kTcp), Network::assumed()), "eth0:49");
}

TEST(Arrive, OtherKindsAreCounted) {
  const Network network = with_mac(2, 0x11);
  EXPECT_EQ(outcome(from_hex(test::kArp), network), "arp");
  EXPECT_EQ(outcome(retyped(0x81, 0x00), network), "vlan");
  EXPECT_EQ(outcome(retyped(0x88, 0xa8), network), "vlan");
  EXPECT_EQ(outcome(retyped(0x86, 0xdd), network), "eth1:49");
  EXPECT_EQ(outcome(retyped(0x88, 0xcc), network), "other-ethertype");
}

TEST(Arrive, PaddingIsCutOff) {
  Bytes padded = from_hex(test::kEcho);
  padded.resize(60);
  EXPECT_EQ(outcome(padded, with_mac(2, 0x11)), "eth1:32");
}

TEST(Arrive, RawIpKnowsTheDirectorByItsAddress) {
  Bytes packet = from_hex(test::kTcp);
  packet.erase(packet.begin(), packet.begin() + 14);
  EXPECT_EQ(outcome(packet, with_mac(2, 1), LinkType::raw_ip), ":49");
  Bytes tunnel = from_hex(test::kTunnel);
  tunnel.erase(tunnel.begin(), tunnel.begin() + 14);
  EXPECT_EQ(outcome(tunnel, with_mac(2, 1), LinkType::raw_ip), "sent-by-director");
  EXPECT_EQ(outcome({}, with_mac(2, 1), LinkType::raw_ip), "short-frame");
}

Bytes cooked(const char* header) {
  Bytes frame = from_hex(header);
  const Bytes tcp = from_hex(test::kTcp);
  frame.insert(frame.end(), tcp.begin() + 14, tcp.end());
  return frame;
}

TEST(Arrive, LinuxCookedSaysWhoSentIt) {
  const Network network = with_mac(1, 1);
  const auto v1 = [&](const char* header) {
    return outcome(cooked(header), network, LinkType::cooked_v1);
  };
  EXPECT_EQ(v1("00000001000602000000010200000800"), ":49");
  EXPECT_EQ(v1("00010001000602000000010200000800"), "group-address");
  EXPECT_EQ(v1("00030001000602000000010200000800"), "other-machine");
  EXPECT_EQ(v1("00040001000602000000010200000800"), "sent-by-director");
  EXPECT_EQ(v1("00000001000602000000010200000806"), "arp");
  const auto v2 = [&](const char* header) {
    return outcome(cooked(header), network, LinkType::cooked_v2);
  };
  EXPECT_EQ(v2("0800000000000002000100060200000001020000"), ":49");
  EXPECT_EQ(v2("0800000000000002000104060200000001020000"), "sent-by-director");
}

TEST(Arrive, CutPacketsNeedTheirPorts) {
  const Network network = with_mac(2, 0x11);
  const auto cut = [&](std::string_view hex, std::size_t keep) {
    Bytes frame = from_hex(hex);
    const std::size_t whole = frame.size();
    frame.resize(keep);
    return outcome(frame, network, LinkType::ethernet, whole);
  };
  EXPECT_EQ(cut(test::kTcp, 14 + 20 + 20), "eth1:49 cut");
  EXPECT_EQ(cut(test::kTcp, 14 + 20 + 19), "cut-in-headers");
  EXPECT_EQ(cut(test::kUdpOptions, 14 + 28 + 8), "eth1:39 cut");
  EXPECT_EQ(cut(test::kUdpOptions, 14 + 28 + 7), "cut-in-headers");
  EXPECT_EQ(cut(test::kIcmpError, 14 + 28 + 20 + 8), "eth1:68 cut");
  EXPECT_EQ(cut(test::kIcmpError, 14 + 28 + 20 + 3), "cut-in-headers");
  EXPECT_EQ(cut(test::kTcp, 13), "short-frame");
}

// A record of a few bytes that claims 4 GB must not make anybody allocate them.
TEST(Arrive, ClaimedLengthsAreBoundedByThePacket) {
  const Network network = with_mac(2, 0x11);
  constexpr std::size_t kClaimed = 0xffffffff;
  Bytes frame = from_hex(test::kTcp);
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "eth1:49");
  frame[16] = frame[17] = std::byte{0xff};  // total length
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "eth1:65535 cut");
  frame[16] = frame[17] = std::byte{0};
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "eth1:49");
  frame[17] = std::byte{19};
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "eth1:49");
  frame[17] = std::byte{0};
  frame.resize(14 + 100000);
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "eth1:65535");
  frame.resize(14 + 19);
  EXPECT_EQ(outcome(frame, network, LinkType::ethernet, kClaimed), "cut-in-headers");
}

TEST(Arrive, EveryPrefixOfEveryFrame) {
  const Network network = with_mac(2, 0x11);
  for (const std::string_view hex : test::kAllFrames) {
    const Bytes whole = from_hex(hex);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      for (const LinkType type :
           {LinkType::ethernet, LinkType::raw_ip, LinkType::cooked_v1, LinkType::cooked_v2}) {
        EXPECT_FALSE(outcome(prefix, network, type).empty());
        EXPECT_FALSE(outcome(prefix, network, type, whole.size()).empty());
      }
    }
  }
}

TEST(Complete, GivesACutIcmpErrorARightSum) {
  Bytes packet = from_hex(test::kIcmpError);
  packet.erase(packet.begin(), packet.begin() + 14);
  std::fill(packet.begin() + 20 + 8 + 28, packet.end(), std::byte{0});
  complete(packet);
  EXPECT_EQ(internet_checksum(std::span<const std::byte>(packet).subspan(20)), Be16(0));
}

TEST(CaptureTimes, AreExact) {
  const auto parsed = [](const char* text) {
    const auto time = CaptureTime::parse(text);
    if (!time) return std::string("refused");
    return (time->relative ? "+" : "") + to_string(time->value);
  };
  EXPECT_EQ(parsed("1000.451273"), "1000.451273000");
  EXPECT_EQ(parsed("+1.5"), "+1.500000000");
  EXPECT_EQ(parsed("+0"), "+0.000000000");
  EXPECT_EQ(parsed("1732320000.123456789"), "1732320000.123456789");
  for (const char* bad : {"", "+", ".5", "1.", "-1", "+-1", "1.-5", "1e3", "1s", "1.1234567890",
                          "99999999999999999999", " 1"}) {
    EXPECT_EQ(parsed(bad), "refused") << bad;
  }
}

TEST(SkipReasons, AreDistinctAndExplained) {
  for (std::size_t i = 0; i < kSkips; ++i) {
    EXPECT_FALSE(explain(static_cast<Skip>(i)).empty());
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NE(to_string(static_cast<Skip>(i)), to_string(static_cast<Skip>(j)));
    }
  }
}

}  // namespace
}  // namespace lvsd::ctl
