// SPDX-License-Identifier: GPL-2.0-or-later
// What leaves the director for what came in, byte for byte, by method and direction. Expected
// packets are made by the builder, whose checksums are its own.
#include <gtest/gtest.h>

#include <array>

#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100";

Destination to(std::string_view text, std::uint16_t port, std::uint16_t weight = 1) {
  return {endpoint(text, port), DirectRouting{}, Weight(weight)};
}

IpFields from_client(std::uint8_t ttl = 64) {
  return {.source = kClient, .destination = kVip, .ttl = ttl};
}

TEST(DirectRoutingPath, ChangesTtlAndMacOnly) {
  DirectorFixture f({tcp_service(80, DirectRouting{}, {to("10.0.2.11", 80)})});
  IpFields ip = from_client();
  ip.tos = 0xb9;
  ip.options = Bytes(4, std::byte{1});
  const Bytes syn = tcp_packet(ip, {.options = Bytes(8, std::byte{1})}, text("data"));
  ASSERT_EQ(describe(f.handle(syn)), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].kind, EmissionKind::frame);
  EXPECT_EQ(f.sent[0].interface, InterfaceIndex{2});
  EXPECT_EQ(f.sent[0].source, mac_of("10.0.2.1"));
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.2.11"));
  ip.ttl = 63;
  EXPECT_TRUE(same_packet(tcp_packet(ip, {.options = Bytes(8, std::byte{1})}, text("data")),
                          f.sent[0].packet));
}

TEST(TunnelPath, WrapsThePacketInIpip) {
  DirectorFixture f({tcp_service(80, Tunnel{}, {to("10.0.2.11", 80)})});
  IpFields ip = from_client();
  ip.tos = 0x0b;  // CE inside becomes ECT(0) outside
  ip.dont_fragment = true;
  ASSERT_EQ(describe(f.handle(tcp_packet(ip))), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  ip.ttl = 63;
  const IpFields outer{.source = "10.0.2.1",
                       .destination = "10.0.2.11",
                       .ttl = 63,
                       .tos = 0x0a,
                       .id = 0,
                       .dont_fragment = true};
  EXPECT_TRUE(same_packet(ipip_packet(outer, tcp_packet(ip)), f.sent[0].packet));
}

TEST(MasqueradePath, MapsThePortThereAndBack) {
  DirectorFixture f({tcp_service(80, Masquerade{}, {to("10.0.2.11", 8080)})});
  ASSERT_EQ(describe(f.handle(tcp_packet(from_client(), {}, text("x")))), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_TRUE(same_packet(tcp_packet({.source = kClient, .destination = "10.0.2.11", .ttl = 63},
                                     {.destination = 8080}, text("x")),
                          f.sent[0].packet));
  const TcpFields answer{.source = 8080, .destination = 40000, .flags = 0x12};
  ASSERT_EQ(describe(f.handle(
                tcp_packet({.source = "10.0.2.11", .destination = kClient, .ttl = 64}, answer))),
            "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].interface, InterfaceIndex{1});
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.1.2"));
  TcpFields outward = answer;
  outward.source = 80;
  EXPECT_TRUE(same_packet(tcp_packet({.source = kVip, .destination = kClient, .ttl = 63}, outward),
                          f.sent[0].packet));
}

TEST(MasqueradePath, UdpWithoutChecksumGetsOne) {
  DirectorFixture f({udp_service(53, Masquerade{}, {to("10.0.2.11", 5353)})});
  ASSERT_EQ(describe(f.handle(udp_packet(from_client(), {.checksum = false}, text("query")))),
            "forwarded");
  EXPECT_TRUE(same_packet(udp_packet({.source = kClient, .destination = "10.0.2.11", .ttl = 63},
                                     {.destination = 5353}, text("query")),
                          f.sent.at(0).packet));
}

TEST(MasqueradePath, AWrongChecksumStaysWrong) {
  DirectorFixture f({tcp_service(80, Masquerade{}, {to("10.0.2.11", 8080)})});
  Bytes packet = tcp_packet(from_client());
  packet[20 + 16] ^= std::byte{0x40};
  ASSERT_EQ(describe(f.handle(packet)), "forwarded");
  Bytes expected =
      tcp_packet({.source = kClient, .destination = "10.0.2.11", .ttl = 63}, {.destination = 8080});
  EXPECT_FALSE(same_packet(expected, f.sent.at(0).packet));
  EXPECT_NE(wrong_with(f.sent.at(0).packet), "");
}

TEST(Size, DontFragmentIsAnsweredWithTheMtuThatFits) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  IpFields ip = from_client();
  ip.dont_fragment = true;
  const Bytes big = udp_packet(ip, {}, pattern(1460));  // 1488 bytes: 8 too many for the tunnel
  EXPECT_EQ(describe(f.handle(big)), "drop fragmentation-needed");
  ip.ttl = 63;
  ASSERT_EQ(f.sent.size(), 1U);
  const Bytes quoted = udp_packet(ip, {}, pattern(1460));
  const auto& error = f.sent[0].packet;
  EXPECT_TRUE(same_packet(
      icmp_error({.source = kVip, .destination = kClient, .ttl = 64, .tos = 0xc0, .id = 1},
                 {.type = 3, .code = 4, .rest = 1480}, quoted, 576 - 28 - 20),
      error));
}

TEST(Size, WithoutDontFragmentTheOuterPacketIsCut) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  const Bytes big = udp_packet(from_client(), {}, pattern(1460));
  ASSERT_EQ(describe(f.handle(big)), "forwarded");
  const IpFields outer{.source = "10.0.2.1", .destination = "10.0.2.11", .ttl = 63, .id = 1};
  const auto pieces =
      fragments(ipip_packet(outer, udp_packet(from_client(63), {}, pattern(1460))), 1480);
  ASSERT_EQ(f.sent.size(), pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_TRUE(same_packet(pieces[i], f.sent[i].packet));
  }
}

// Of 0xff the four bits of RFC 1349 (seen in the kernel).
TEST(Ttl, TheAnswerHasTheTypeOfServiceOfThePacket) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {to("10.0.2.11", 53)})});
  IpFields ip = from_client(1);
  ip.tos = 0xff;
  const Bytes last = udp_packet(ip);
  EXPECT_EQ(describe(f.handle(last)), "drop ttl-exceeded");
  EXPECT_TRUE(same_packet(
      icmp_error({.source = kVip, .destination = kClient, .ttl = 64, .tos = 0xde, .id = 1},
                 {.type = 11}, last, 528),
      f.sent.at(0).packet));
}

TEST(Ttl, UsedUpIsAnsweredInBothDirections) {
  DirectorFixture f({udp_service(53, Masquerade{}, {to("10.0.2.11", 5353)})});
  const Bytes last = udp_packet(from_client(1));
  EXPECT_EQ(describe(f.handle(last)), "drop ttl-exceeded");
  EXPECT_TRUE(same_packet(
      icmp_error({.source = kVip, .destination = kClient, .ttl = 64, .tos = 0xc0, .id = 1},
                 {.type = 11}, last, 528),
      f.sent.at(0).packet));
  ASSERT_EQ(describe(f.handle(udp_packet(from_client()))), "forwarded");
  const Bytes reply = udp_packet({.source = "10.0.2.11", .destination = kClient, .ttl = 1},
                                 {.source = 5353, .destination = 40000});
  EXPECT_EQ(describe(f.handle(reply)), "drop ttl-exceeded");
  EXPECT_TRUE(same_packet(
      icmp_error({.source = "10.0.2.1", .destination = "10.0.2.11", .tos = 0xc0, .id = 2},
                 {.type = 11}, reply, 528),
      f.sent.at(0).packet));
}

TEST(IcmpErrors, AreTranslatedInBothDirections) {
  DirectorFixture f({udp_service(53, Masquerade{}, {to("10.0.2.11", 5353)})});
  ASSERT_EQ(describe(f.handle(udp_packet(from_client(), {}, text("query")))), "forwarded");
  const Bytes request = f.sent.at(0).packet;
  // The real server has nothing on that port.
  ASSERT_EQ(describe(f.handle(icmp_error({.source = "10.0.2.11", .destination = kClient},
                                         {.type = 3, .code = 3}, request))),
            "forwarded");
  EXPECT_EQ(wrong_with(f.sent.at(0).packet), "");
  Bytes as_the_client_sent_it =
      udp_packet({.source = kClient, .destination = kVip, .ttl = 63}, {}, text("query"));
  std::copy_n(request.begin() + 26, 2, as_the_client_sent_it.begin() + 26);  // checksum: as it was
  EXPECT_TRUE(same_packet(icmp_error({.source = kVip, .destination = kClient, .ttl = 63},
                                     {.type = 3, .code = 3}, as_the_client_sent_it),
                          f.sent.at(0).packet));
  // A router on the client's side cannot carry the answer.
  const Bytes answer = udp_packet({.source = kVip, .destination = kClient},
                                  {.source = 53, .destination = 40000}, text("answer"));
  ASSERT_EQ(describe(f.handle(icmp_error({.source = "10.1.0.254", .destination = kVip},
                                         {.type = 3, .code = 1}, answer))),
            "forwarded");
  Bytes as_the_server_sent_it = udp_packet({.source = "10.0.2.11", .destination = kClient},
                                           {.source = 5353, .destination = 40000}, text("answer"));
  std::copy_n(answer.begin() + 26, 2, as_the_server_sent_it.begin() + 26);
  EXPECT_TRUE(
      same_packet(icmp_error({.source = "10.1.0.254", .destination = "10.0.2.11", .ttl = 63},
                             {.type = 3, .code = 1}, as_the_server_sent_it),
                  f.sent.at(0).packet));
}

TEST(IcmpErrors, DamagedOnesAreNotMadeRight) {
  DirectorFixture f({udp_service(53, Masquerade{}, {to("10.0.2.11", 5353)})});
  ASSERT_EQ(describe(f.handle(udp_packet(from_client()))), "forwarded");
  Bytes error = icmp_error({.source = "10.0.2.11", .destination = kClient}, {.type = 3, .code = 3},
                           f.sent.at(0).packet);
  error[22] ^= std::byte{1};
  EXPECT_EQ(describe(f.handle(error)), "drop bad-icmp-checksum");
}

TEST(IcmpErrors, AboutTheTunnelReachTheClientAndAreLearnedFrom) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  IpFields ip = from_client();
  ip.dont_fragment = true;
  ASSERT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(1400)))), "forwarded");
  const Bytes tunnelled = f.sent.at(0).packet;
  EXPECT_EQ(describe(f.handle(icmp_error({.source = "10.0.2.2", .destination = "10.0.2.1"},
                                         {.type = 3, .code = 4, .rest = 1400}, tunnelled, 48))),
            "drop icmp-consumed");
  ip.ttl = 63;
  EXPECT_TRUE(same_packet(
      icmp_error({.source = kVip, .destination = kClient, .ttl = 64, .tos = 0xc0, .id = 2},
                 {.type = 3, .code = 4, .rest = 1380}, udp_packet(ip, {}, pattern(1400)),
                 28 - 20 + 20),
      f.sent.at(0).packet));
  // From now on the director knows.
  ip.ttl = 64;
  EXPECT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(1400)))), "drop fragmentation-needed");
  f.pass(std::chrono::minutes(11));
  EXPECT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(1400)))), "forwarded");
}

TEST(NoDestination, IsAnsweredWithPortUnreachable) {
  DirectorFixture f({tcp_service(80, DirectRouting{}, {to("10.0.2.11", 80, 0)})});
  const Bytes syn = tcp_packet(from_client());
  EXPECT_EQ(describe(f.handle(syn)), "drop no-destination");
  EXPECT_TRUE(same_packet(
      icmp_error({.source = kVip, .destination = kClient, .ttl = 64, .tos = 0xc0, .id = 1},
                 {.type = 3, .code = 3}, syn, 528),
      f.sent.at(0).packet));
}

TEST(Stack, GetsWhatIsNotOurs) {
  DirectorFixture f({tcp_service(80, DirectRouting{}, {to("10.0.2.11", 80)})});
  EXPECT_EQ(describe(f.handle(tcp_packet(from_client(), {.destination = 22}))),
            "accept no-service");
  EXPECT_EQ(describe(f.handle(tcp_packet(from_client(), {.flags = 0x10}))),
            "accept not-schedulable");
  EXPECT_EQ(describe(f.handle(icmp_packet(from_client(), {}))), "accept not-ours");
  EXPECT_EQ(describe(f.handle(ip_packet(from_client(), 99, pattern(5)))), "accept not-ours");
  EXPECT_EQ(describe(f.handle(icmp_error({.source = kClient, .destination = kVip}, {.type = 3},
                                         udp_packet({.source = kVip, .destination = kClient})))),
            "accept no-connection");
  EXPECT_TRUE(f.sent.empty());
}

TEST(Fragments, FollowTheFirstThereAndBack) {
  DirectorFixture f({udp_service(53, Masquerade{}, {to("10.0.2.11", 5353)})});
  const auto pieces = fragments(udp_packet(from_client(), {}, pattern(200)), 64);
  const auto expected =
      fragments(udp_packet({.source = kClient, .destination = "10.0.2.11", .ttl = 63},
                           {.destination = 5353}, pattern(200)),
                64);
  ASSERT_EQ(pieces.size(), 4U);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ASSERT_EQ(describe(f.handle(pieces[i])), "forwarded");
    EXPECT_TRUE(same_packet(expected[i], f.sent.at(0).packet));
  }
  const auto back = fragments(udp_packet({.source = "10.0.2.11", .destination = kClient},
                                         {.source = 5353, .destination = 40000}, pattern(200)),
                              64);
  const auto outward = fragments(udp_packet({.source = kVip, .destination = kClient, .ttl = 63},
                                            {.source = 53, .destination = 40000}, pattern(200)),
                                 64);
  for (std::size_t i = 0; i < back.size(); ++i) {
    ASSERT_EQ(describe(f.handle(back[i])), "forwarded");
    EXPECT_TRUE(same_packet(outward[i], f.sent.at(0).packet));
  }
}

TEST(Fragments, EarlyOnesWaitForTheirFirst) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  const auto pieces = fragments(udp_packet(from_client(), {}, pattern(200)), 64);
  EXPECT_EQ(describe(f.handle(pieces[3])), "held");
  EXPECT_EQ(describe(f.handle(pieces[1])), "held");
  EXPECT_TRUE(f.sent.empty());
  ASSERT_EQ(describe(f.handle(pieces[0])), "forwarded");
  ASSERT_EQ(f.sent.size(), 3U);
  const std::array<std::size_t, 3> order{0, 3, 1};
  const auto inner = fragments(udp_packet(from_client(63), {}, pattern(200)), 64);
  for (std::size_t i = 0; i < 3; ++i) {
    const Bytes& sent = f.sent[i].packet;
    EXPECT_TRUE(same_packet(inner[order[i]], View(sent).subspan(20)));
  }
  EXPECT_EQ(describe(f.handle(pieces[2])), "forwarded");
  EXPECT_EQ(f.director.counters().forwarded, 4U);
}

TEST(Fragments, OrphansAreNamedDropsAfterTheirTime) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {to("10.0.2.11", 53)})});
  IpFields ip = from_client();
  int held = 0, refused = 0;
  for (int i = 0; i < 100; ++i) {
    const auto pieces = fragments(udp_packet(ip, {}, pattern(200)), 64);
    const std::string verdict = describe(f.handle(pieces[1]));
    held += verdict == "held" ? 1 : 0;
    refused += verdict == "drop fragment-queue-full" ? 1 : 0;
  }
  EXPECT_EQ(held, 64);
  EXPECT_EQ(refused, 36);
  f.pass(std::chrono::seconds(31));
  EXPECT_EQ(f.director.counters().dropped[static_cast<std::size_t>(DropReason::fragment_timeout)],
            64U);
  EXPECT_FALSE(f.director.next_deadline());
}

TEST(Fragments, ShareTheFateOfAFirstThatWasNotForwarded) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {to("10.0.2.11", 53, 0)})});
  const auto refused = fragments(udp_packet(from_client(), {}, pattern(100)), 64);
  EXPECT_EQ(describe(f.handle(refused[0])), "drop no-destination");
  EXPECT_EQ(describe(f.handle(refused[1])), "drop later-fragment");
  IpFields other = from_client();
  other.id = 77;
  const auto stack = fragments(udp_packet(other, {.destination = 99}, pattern(100)), 64);
  EXPECT_EQ(describe(f.handle(stack[0])), "accept no-service");
  EXPECT_EQ(describe(f.handle(stack[1])), "accept no-service");
  const auto echo = fragments(icmp_packet(from_client(), {}, pattern(100)), 64);
  EXPECT_EQ(describe(f.handle(echo[1])), "accept no-service");
  const auto others =
      fragments(udp_packet({.source = kClient, .destination = "10.9.9.9"}, {}, pattern(100)), 64);
  EXPECT_EQ(describe(f.handle(others[1])), "accept no-service");
}

TEST(Tunnels, LearnNothingFromForgedErrors) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  IpFields ip = from_client();
  ip.dont_fragment = true;
  const Bytes forged = ip_packet({.source = "8.8.8.8", .destination = "10.0.2.11"}, 4, pattern(40));
  EXPECT_EQ(describe(f.handle(icmp_error({.source = "6.6.6.6", .destination = "10.0.2.1"},
                                         {.type = 3, .code = 4, .rest = 600}, forged))),
            "accept no-connection");
  EXPECT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(1400)))), "forwarded");
  // Even a true one cannot make the path smaller than the kernel would believe.
  const Bytes ours = ip_packet({.source = "10.0.2.1", .destination = "10.0.2.11"}, 4, pattern(40));
  f.handle(icmp_error({.source = "10.0.2.2", .destination = "10.0.2.1"},
                      {.type = 3, .code = 4, .rest = 100}, ours));
  EXPECT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(500)))), "forwarded");
  EXPECT_EQ(describe(f.handle(udp_packet(ip, {}, pattern(600)))), "drop fragmentation-needed");
}

TEST(Tunnels, RefuseWhatNoOuterHeaderCanSay) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to("10.0.2.11", 53)})});
  EXPECT_EQ(describe(f.handle(udp_packet(from_client(), {}, pattern(65500)))),
            "drop fragmentation-needed");
}

// No edge hands over such a packet: each leaves kPacketHeadroom free.
TEST(TunnelPath, WithoutHeadroomIsRefused) {
  DirectorFixture f({tcp_service(80, Tunnel{}, {to("10.0.2.11", 80)})});
  Bytes syn = tcp_packet(from_client());
  PacketBuffer packet(syn, 0, syn.size());
  Emissions out;
  EXPECT_EQ(describe(f.director.handle(packet, f.now, out)), "drop no-headroom");
  EXPECT_TRUE(out.list().empty());
}

}  // namespace
}  // namespace lvsd
