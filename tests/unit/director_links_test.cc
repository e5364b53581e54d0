// SPDX-License-Identifier: GPL-2.0-or-later
// Neighbours that answer late or never, links, and the director itself as a server.
#include <gtest/gtest.h>

#include <map>

#include "support/packet_diff.h"
#include "unit/director_life.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Neighbors, OfAHugeLinkAreForgottenSafely) {
  DirectorFixture f({udp_service(53, Masquerade{}, {{endpoint("10.0.2.11", 53), {}, {}}})},
                    Network::assumed_parts(), 200000);
  for (unsigned i = 0; i < 66000; ++i) {
    const std::string client = "10." + std::to_string(7 + (i >> 16U)) + "." +
                               std::to_string(i >> 8U & 0xffU) + "." + std::to_string(i & 0xffU);
    ASSERT_EQ(describe(f.handle(udp_packet({.source = client, .destination = kVip}))), "forwarded");
    ASSERT_EQ(describe(f.handle(udp_packet({.source = "10.0.2.11", .destination = client},
                                           {.source = 53, .destination = 40000}))),
              "forwarded");
    ASSERT_EQ(f.sent.at(0).destination, Network::assumed_mac(address(client)));
  }
}

TEST(Neighbors, PacketsWaitForAnAnswerAndThenGo) {
  Network::Parts silent = director_network();
  std::erase_if(silent.neighbors,
                [](const Neighbor& n) { return n.address == address("10.0.2.11"); });
  DirectorFixture f({web({to("10.0.2.11"), to("10.0.2.12")})}, silent);
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "held");
  EXPECT_EQ(f.resolves, 1);
  EXPECT_TRUE(f.sent.empty());
  // The silent one costs its neighbour nothing.
  EXPECT_EQ(describe(f.handle(segment(2, kSyn))), "forwarded");
  EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.12"));
  f.set_network(director_network());
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.2.11"));
  EXPECT_TRUE(same_packet(
      tcp_packet({.source = kClient, .destination = kVip, .ttl = 63}, {.source = 1, .flags = kSyn}),
      f.sent[0].packet));
  EXPECT_EQ(f.director.counters().forwarded, 2U);
}

TEST(Neighbors, OurOwnErrorsWaitForTheClientToo) {
  Network::Parts silent = director_network();
  std::erase_if(silent.neighbors,
                [](const Neighbor& n) { return n.address == address("10.0.1.2"); });
  DirectorFixture f({web({to("10.0.2.11", 0)})}, silent);
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "drop no-destination");
  EXPECT_TRUE(f.sent.empty());
  f.set_network(director_network());
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.1.2"));
  EXPECT_EQ(f.director.counters().originated, 1U);
  EXPECT_EQ(f.director.counters().forwarded, 0U);
}

TEST(Neighbors, WhoNeverAnswersIsANamedDropWithinBounds) {
  Network::Parts silent = director_network();
  std::erase_if(silent.neighbors,
                [](const Neighbor& n) { return n.address == address("10.0.2.11"); });
  DirectorFixture f({web({to("10.0.2.11")})}, silent);
  std::map<std::string, int> verdicts;
  for (std::uint16_t port = 1001; port <= 1100; ++port)
    ++verdicts[describe(f.handle(segment(port, kSyn)))];
  EXPECT_EQ(verdicts["held"], 64);
  EXPECT_EQ(verdicts["drop neighbor-queue-full"], 36);
  f.pass(seconds(4));
  const auto& dropped = f.director.counters().dropped;
  EXPECT_EQ(dropped[static_cast<std::size_t>(DropReason::neighbor_unresolved)], 64U);
  EXPECT_EQ(describe(f.handle(segment(200, kSyn))), "held");
  EXPECT_EQ(f.resolves, 2);
}

TEST(Neighbors, OnesInUseAreProbedEveryEightSeconds) {
  DirectorFixture f({web({to("10.0.2.11")})});
  for (int i = 0; i < 200; ++i) {
    f.handle(segment(1, i == 0 ? kSyn : kAck));
    f.pass(milliseconds(100));
  }
  EXPECT_EQ(f.refreshes, 3);  // at 0, 8 and 16 s
}

TEST(Links, WhatIsDownOrMissingIsNamed) {
  Network::Parts down = director_network();
  down.interfaces[1].up = false;
  DirectorFixture f({web({to("10.0.2.11"), to("10.9.9.9")})}, down);
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "drop link-down");
  EXPECT_EQ(describe(f.handle(segment(2, kSyn))), "drop no-route");
  ASSERT_EQ(f.sent.size(), 1U);  // host unreachable, to the client
  EXPECT_EQ(f.sent[0].packet[20], std::byte{3});
  EXPECT_EQ(f.sent[0].packet[21], std::byte{1});
}

TEST(Links, WithoutMacAddressesTheKernelRoutes) {
  Network::Parts parts = director_network();
  parts.interfaces[1].mac.reset();
  DirectorFixture f({tcp_service(80, Tunnel{}, {to("10.0.2.11")}),
                     tcp_service(81, DirectRouting{}, {{endpoint("10.0.2.11", 81), {}, {}}})},
                    parts);
  ASSERT_EQ(describe(f.handle(segment(1, kSyn))), "forwarded");
  EXPECT_EQ(f.sent.at(0).kind, EmissionKind::routed);
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                         {.source = 2, .destination = 81}))),
            "drop no-link-address");
}

TEST(LocalNode, IsHandedToTheStackUnchanged) {
  DirectorFixture f({web({to("10.0.2.1")})});
  const Bytes syn = segment(1, kSyn);
  EXPECT_EQ(describe(f.handle(syn)), "accept local-node");
  EXPECT_TRUE(same_packet(syn, f.changed));
}

// No file names a loopback address as destination, so replay and the laboratory cannot show it:
// from the network, the kernel takes nothing that is addressed so. The other methods leave it to
// the stack.
TEST(LocalNode, OfNatIsNoLoopbackAddress) {
  Network::Parts parts = director_network();
  Route loopback;
  loopback.to = *Prefix::parse("127.0.0.0/8");
  loopback.kind = RouteKind::local;
  parts.routes.push_back(loopback);
  DirectorFixture f({tcp_service(80, Masquerade{}, {{endpoint("127.0.0.1", 8080), {}, {}}}),
                     tcp_service(81, DirectRouting{}, {{endpoint("127.0.0.1", 81), {}, {}}})},
                    parts);
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "drop local-masquerade");
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                         {.source = 2, .destination = 81}))),
            "accept local-node");
  EXPECT_TRUE(f.sent.empty());
}

// Reference 1.14. The same TTL, another destination; what answers is rewritten on its way out.
TEST(LocalNode, OfNatGetsThePacketAtItsOwnPort) {
  DirectorFixture f({tcp_service(80, Masquerade{}, {{endpoint("10.0.2.1", 8080), {}, {}}})});
  constexpr std::string_view own = "10.0.2.1";
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "accept local-node changed");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kClient, .destination = own},
                                     {.source = 1, .destination = 8080, .flags = kSyn}),
                          f.changed));
  const Bytes answer = tcp_packet({.source = own, .destination = kClient},
                                  {.source = 8080, .destination = 1, .flags = 0x12});
  EXPECT_EQ(describe(f.handle(answer)), "forwarded");
}

TEST(Replies, OfDirectRoutingThatComeThroughTheDirectorPass) {
  DirectorFixture f({web({to("10.0.2.11")})});
  f.handle(segment(1, kSyn));
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = kVip, .destination = kClient},
                                         {.source = 80, .destination = 1, .flags = 0x12}))),
            "accept reply");
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").statistics.packets_out, 1U);
}

}  // namespace
}  // namespace lvsd
