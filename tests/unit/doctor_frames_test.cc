// SPDX-License-Identifier: GPL-2.0-or-later
// The doctor's probes, and its reading of frames.
#include "doctor/frames.h"

#include <gtest/gtest.h>

#include "lvsd/net/checksum.h"

namespace lvsd::doctor {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
const Mac kOwn({2, 0, 0, 0, 0, 1}), kServer({2, 0, 0, 0, 0, 11});
constexpr Port kHttp{std::uint16_t{80}}, kMine{std::uint16_t{61005}};

TEST(DoctorFrames, AnswersAreRead) {
  const IpAddress vip = ip("10.0.1.100"), own = ip("10.0.2.1");
  const auto asked = parse_frame(question_frame(kOwn, own, vip));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Heard::Kind::question);
  EXPECT_EQ(asked->address, vip);
  EXPECT_EQ(asked->sender, own);
  const auto segment = parse_frame(frame_of(kOwn, kServer, syn(vip, kHttp, own, kMine)));
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->kind, Heard::Kind::segment);
  EXPECT_EQ(segment->tuple.destination_port, kMine);
  EXPECT_EQ(segment->mac, kServer);
}

TEST(DoctorFrames, DatagramsAreRead) {
  for (const auto& [vip, own] : {std::pair{ip("10.0.1.100"), ip("10.0.2.1")},
                                 std::pair{ip("fd00:1::100"), ip("fd00:2::1")}}) {
    const auto answer = parse_frame(frame_of(kOwn, kServer, datagram(vip, kHttp, own, kMine)));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, Heard::Kind::segment);
    EXPECT_EQ(answer->tuple.source, vip);
    EXPECT_EQ(answer->tuple.destination_port, kMine);
    EXPECT_EQ(answer->tcp_flags, 0);
  }
}

// Who is asked alone is asked in anybody's name.
TEST(DoctorFrames, QuestionsToOneHostAreRead) {
  const IpAddress client = ip("198.51.100.77"), server = ip("10.0.2.11");
  const Bytes frame = question_to(kServer, kOwn, client, server);
  EXPECT_TRUE(load<EthernetHeader>(std::span<const std::byte>(frame))->destination == kServer);
  const auto asked = parse_frame(frame);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Heard::Kind::question);
  EXPECT_EQ(asked->sender, client);
  EXPECT_EQ(asked->address, server);
}

TEST(DoctorFrames, Ipv6QuestionsAreRead) {
  const auto asked = parse_frame(question_frame(kOwn, ip("fd00::1"), ip("fd00::100")));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Heard::Kind::question);
  EXPECT_EQ(asked->address, ip("fd00::100"));
}

TEST(DoctorFrames, EveryPrefixIsHarmless) {
  const IpAddress own = ip("10.0.2.1"), vip = ip("10.0.1.100");
  const Bytes inner = syn(own, kMine, vip, kHttp, 100);
  for (const Bytes& frame :
       {question_frame(kOwn, own, vip), question_frame(kOwn, ip("fd00::1"), ip("fd00::2")),
        frame_of(kOwn, kServer, inner), frame_of(kOwn, kServer, echo(own, kMine, vip)),
        frame_of(kOwn, kServer, datagram(own, kMine, vip, kHttp)),
        frame_of(kOwn, kServer, tunnelled(inner, Tunnel{}, own, ip("10.0.2.11"), true))}) {
    for (std::size_t length = 0; length < frame.size(); ++length) {
      static_cast<void>(parse_frame(std::span<const std::byte>(frame).first(length)));
    }
  }
}

TEST(DoctorFrames, AnErrorAboutATunnelNamesThePacketInside) {
  const IpAddress own = ip("10.0.2.1"), vip = ip("10.0.1.100"), server = ip("10.0.2.11");
  const Bytes inner = syn(own, kMine, vip, kHttp);
  for (const Tunnel& tunnel :
       {Tunnel{}, Tunnel{.encapsulation = Encapsulation::gre},
        Tunnel{.encapsulation = Encapsulation::gue, .port = Port{std::uint16_t{6080}}}}) {
    const Bytes outer = tunnelled(inner, tunnel, own, server, true);
    Ipv4Header ip4;
    IcmpHeader icmp;
    icmp.type = 3;
    icmp.code = 13;
    ip4.total_length = Be16(static_cast<std::uint16_t>(sizeof(ip4) + sizeof(icmp) + outer.size()));
    ip4.ttl = 64;
    ip4.protocol = 1;
    ip4.source = server.v4();
    ip4.destination = own.v4();
    finish_checksum(ip4);
    Bytes packet(sizeof(ip4) + sizeof(icmp));
    store(std::span(packet), ip4);
    store(std::span(packet), icmp, sizeof(ip4));
    packet.insert(packet.end(), outer.begin(), outer.end());
    const auto heard = parse_frame(frame_of(kOwn, kServer, packet));
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->kind, Heard::Kind::error);
    EXPECT_TRUE(heard->quotes_tunnel);
    EXPECT_EQ(heard->address, server);
    ASSERT_TRUE(heard->has_inner);
    EXPECT_EQ(heard->tuple.destination, vip);
    EXPECT_EQ(heard->tuple.source_port, kMine);
  }
}

}  // namespace
}  // namespace lvsd::doctor
