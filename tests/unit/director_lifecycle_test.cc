// SPDX-License-Identifier: GPL-2.0-or-later
// Connections over time: states, counts, reuse, reload, neighbours that answer late or never.
#include <gtest/gtest.h>

#include <map>

#include "lvsd/config/diff.h"
#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100";
const ServiceKey kWeb{ServiceProtocol::tcp, endpoint("10.0.3.100", 80)};

Destination to(std::string_view text, std::uint16_t weight = 1) {
  return {endpoint(text, 80), DirectRouting{}, Weight(weight)};
}

VirtualService web(const std::vector<Destination>& destinations,
                   SchedulerKind kind = SchedulerKind::rr) {
  return tcp_service(80, DirectRouting{}, destinations, kind);
}

Config config_of(std::vector<VirtualService> services) {
  Config config;
  config.services = std::move(services);
  return config;
}

Bytes segment(std::uint16_t port, std::uint8_t flags) {
  return tcp_packet({.source = kClient, .destination = kVip}, {.source = port, .flags = flags});
}

constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kFinAck = 0x11, kRst = 0x04;

TEST(Connections, CountActiveAndInactiveAsIpvs) {
  DirectorFixture f({web({to("10.0.2.11")})});
  f.handle(segment(1, kSyn));
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").active, 1U);
  f.handle(segment(1, kAck));
  f.handle(segment(1, kFinAck));
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").active, 0U);
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").inactive, 1U);
  f.pass(seconds(121));
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").inactive, 0U);
  EXPECT_EQ(f.director.snapshot().connections, 0U);
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").statistics.connections, 1U);
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").statistics.packets_in, 3U);
}

TEST(Connections, AreGoneWhenTheirTimeIsUp) {
  DirectorFixture f({web({to("10.0.2.11"), to("10.0.2.12")})});
  f.handle(segment(1, kSyn));
  f.handle(segment(1, kAck));
  f.pass(seconds(899));
  EXPECT_EQ(describe(f.handle(segment(1, kAck))), "forwarded");
  f.pass(seconds(900));
  EXPECT_EQ(describe(f.handle(segment(1, kAck))), "accept not-schedulable");
}

TEST(Connections, AFinishedOneIsReplacedByANewSyn) {
  DirectorFixture f({web({to("10.0.2.11"), to("10.0.2.12")})});
  f.handle(segment(1, kSyn));
  const Mac first = f.sent.at(0).destination;
  f.handle(segment(1, kAck));
  f.handle(segment(1, kSyn));  // within the established connection: stays
  EXPECT_EQ(f.sent.at(0).destination, first);
  f.handle(segment(1, kRst));
  f.handle(segment(1, kSyn));
  EXPECT_NE(f.sent.at(0).destination, first);
  EXPECT_EQ(f.director.snapshot().connections, 1U);
}

TEST(Connections, AFullTableIsANamedDrop) {
  DirectorFixture f({web({to("10.0.2.11")})}, director_network(), 2);
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "forwarded");
  EXPECT_EQ(describe(f.handle(segment(2, kSyn))), "forwarded");
  EXPECT_EQ(describe(f.handle(segment(3, kSyn))), "drop connection-table-full");
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").active, 2U);
}

// As the kernel did: three connections each, then nobody; two resets each change nothing until the
// entries expire, which leaves one.
TEST(Thresholds, UpperStopsAndLowerStartsAgain) {
  Destination first = to("10.0.2.12"), second = to("10.0.2.11");
  first.thresholds = second.thresholds = {.upper = 3, .lower = 2};
  DirectorFixture f({web({first, second})});
  const auto connect = [&](std::uint16_t port) {
    const Verdict verdict = f.handle(segment(port, kSyn));
    if (describe(verdict) != "forwarded") return '-';
    const bool to_first = f.sent.at(0).destination == mac_of("10.0.2.12");
    f.handle(segment(port, kAck));
    return to_first ? '2' : '1';
  };
  std::string picked;
  for (std::uint16_t port = 1; port <= 9; ++port) picked += connect(port);
  for (std::uint16_t port = 1; port <= 4; ++port) f.handle(segment(port, kRst));
  for (std::uint16_t port = 11; port <= 13; ++port) picked += connect(port);
  EXPECT_TRUE(f.destination(kWeb, "10.0.2.11").overloaded);
  f.pass(seconds(11));
  EXPECT_FALSE(f.destination(kWeb, "10.0.2.11").overloaded);
  for (std::uint16_t port = 21; port <= 26; ++port) picked += connect(port);
  EXPECT_EQ(picked,
            "212121---"
            "---"
            "2121--");
}

TEST(Thresholds, WithoutALowerOneThreeQuartersCount) {
  Destination only = to("10.0.2.11");
  only.thresholds.upper = 8;
  DirectorFixture f({web({only})});
  for (std::uint16_t port = 1; port <= 8; ++port) {
    EXPECT_EQ(describe(f.handle(segment(port, kSyn))), "forwarded");
    f.handle(segment(port, kAck));
  }
  EXPECT_EQ(describe(f.handle(segment(9, kSyn))), "drop no-destination");
  f.handle(segment(1, kRst));
  f.handle(segment(2, kRst));
  f.pass(seconds(11));  // six are left, not below 6
  EXPECT_EQ(describe(f.handle(segment(9, kSyn))), "drop no-destination");
  f.handle(segment(3, kRst));
  f.pass(seconds(11));
  EXPECT_EQ(describe(f.handle(segment(9, kSyn))), "forwarded");
}

TEST(Thresholds, OnlyARaisedOrDroppedUpperEndsTheOverload) {
  const auto limited = [](std::uint32_t upper, std::uint16_t weight) {
    Destination only = to("10.0.2.11", weight);
    only.thresholds.upper = upper;
    return config_of({web({only})});
  };
  DirectorFixture f(limited(2, 1).services);
  f.handle(segment(1, kSyn));
  f.handle(segment(2, kSyn));
  const auto overloaded = [&] { return f.destination(kWeb, "10.0.2.11").overloaded; };
  EXPECT_TRUE(overloaded());
  f.apply(diff(limited(2, 1), limited(2, 5)));
  EXPECT_TRUE(overloaded());
  f.apply(diff(limited(2, 5), limited(1, 5)));
  EXPECT_TRUE(overloaded());
  f.apply(diff(limited(1, 5), limited(2, 5)));  // even where that many are there
  EXPECT_FALSE(overloaded());
  EXPECT_EQ(describe(f.handle(segment(3, kSyn))), "forwarded");
  EXPECT_TRUE(overloaded());
  f.apply(diff(limited(2, 5), limited(0, 5)));
  EXPECT_FALSE(overloaded());
}

TEST(Reload, ARemovedDestinationServesItsConnectionsToTheEnd) {
  const Config old = config_of({web({to("10.0.2.11"), to("10.0.2.12")})});
  const Config next = config_of({web({to("10.0.2.12")})});
  DirectorFixture f(old.services);
  f.handle(segment(1, kSyn));
  ASSERT_EQ(f.sent.at(0).destination, mac_of("10.0.2.11"));
  f.apply(diff(old, next));
  EXPECT_EQ(describe(f.handle(segment(1, kAck))), "forwarded");
  EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.11"));
  EXPECT_TRUE(f.destination(kWeb, "10.0.2.11").retired);
  for (std::uint16_t port = 2; port < 6; ++port) {
    f.handle(segment(port, kSyn));
    EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.12"));
  }
  // Back before it was gone: the same destination, with its connection and its counters.
  f.apply(diff(next, old));
  EXPECT_FALSE(f.destination(kWeb, "10.0.2.11").retired);
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").active, 1U);
  f.apply(diff(old, next));
  f.handle(segment(1, kRst));
  f.pass(seconds(11));
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").id, kNoDestination);
}

TEST(Reload, ARemovedServiceServesItsConnectionsToTheEnd) {
  const Config old = config_of({web({to("10.0.2.11")})});
  DirectorFixture f(old.services);
  f.handle(segment(1, kSyn));
  f.apply(diff(old, Config{}));
  EXPECT_EQ(describe(f.handle(segment(1, kAck))), "forwarded");
  EXPECT_EQ(describe(f.handle(segment(2, kSyn))), "accept no-service");
  ASSERT_EQ(f.director.snapshot().services.size(), 1U);
  EXPECT_TRUE(f.director.snapshot().services[0].removed);
  f.pass(seconds(901));
  EXPECT_TRUE(f.director.snapshot().services.empty());
}

TEST(Reload, AServiceMadeAgainCountsAnew) {
  const Config config = config_of({web({to("10.0.2.11")})});
  DirectorFixture f(config.services);
  f.handle(segment(1, kSyn));
  f.apply(diff(config, Config{}));
  f.apply(diff(Config{}, config));
  const auto statistics = [&] {
    return f.director.snapshot().services.at(0).destinations.at(0).statistics;
  };
  ASSERT_EQ(f.director.snapshot().services.size(), 1U);
  EXPECT_EQ(statistics().connections, 0U);
  f.handle(segment(1, kAck));  // the connection is there still
  EXPECT_EQ(statistics().connections, 0U);
  EXPECT_EQ(statistics().packets_in, 1U);
}

TEST(Reload, WhatStaysKeepsItsPlaceAndCounters) {
  const Config old = config_of({web({to("10.0.2.11"), to("10.0.2.12"), to("10.0.2.13")})});
  Config next = old;
  next.services[0].destinations[2].weight = Weight(7);
  DirectorFixture f(old.services);
  f.handle(segment(1, kSyn));
  f.apply(diff(old, next));
  f.handle(segment(2, kSyn));
  EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.12"));  // rr goes on where it was
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").statistics.connections, 1U);
  EXPECT_EQ(f.destination(kWeb, "10.0.2.13").config.weight, Weight(7));
}

TEST(Reload, OpenConnectionsKeepTheirMethod) {
  const auto nat = tcp_service(80, Masquerade{}, {to("10.0.2.11")});
  const Config old = config_of({nat});
  const Config next = config_of({web({to("10.0.2.11")})});
  DirectorFixture f(old.services);
  f.handle(segment(1, kSyn));
  f.apply(diff(old, next));
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = "10.0.2.11", .destination = kClient},
                                         {.source = 80, .destination = 1, .flags = 0x12}))),
            "forwarded");
  f.handle(segment(1, kAck));
  EXPECT_EQ(f.sent.at(0).packet[19], std::byte{11});  // still rewritten to the real server
  f.handle(segment(2, kSyn));
  EXPECT_EQ(f.sent.at(0).packet[19], std::byte{100});  // a new one is routed
}

// More neighbours than are remembered: indices given out before are not used after.
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
