// SPDX-License-Identifier: GPL-2.0-or-later
// Connections over time: states, counts, reuse, thresholds, reload.
#include <gtest/gtest.h>

#include <set>

#include "unit/director_life.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

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
TEST(Connections, ArePagedThroughWhileOthersComeAndGo) {
  DirectorFixture f({web({to("10.0.2.11")})});
  for (std::uint16_t port = 1001; port <= 1020; ++port) {
    f.handle(segment(port, kSyn));
    if (port % 2 == 0) f.handle(segment(port, kAck));  // those stay for 15 minutes
  }
  f.pass(seconds(30));
  std::multiset<std::uint16_t> seen;
  std::optional<std::uint32_t> at = 0;
  for (std::uint16_t round = 0; at; ++round) {
    const ConnectionPage page = f.director.connections(*at, 3, f.now);
    for (const ConnectionSnapshot& each : page.connections) {
      seen.insert(each.client.port.host());
      EXPECT_EQ(each.state, each.client.port.host() % 2 == 0 ? "ESTABLISHED" : "SYN_RECV");
      EXPECT_EQ(to_string(each.destination), "10.0.2.11:80");
    }
    f.handle(segment(static_cast<std::uint16_t>(2001 + 2 * round), kSyn));
    f.pass(seconds(10));  // the SYNs end in the middle of it
    at = page.next;
  }
  for (std::uint16_t port = 1002; port <= 1020; port = static_cast<std::uint16_t>(port + 2)) {
    EXPECT_EQ(seen.count(port), 1U) << port;
  }
  for (const std::uint16_t port : seen) EXPECT_EQ(seen.count(port), 1U) << port;
}

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

// The one that it replaces ends a moment later (observed in the kernel: its timer's next tick).
TEST(Thresholds, ANewConnectionIsCountedBesideTheOneItReplaces) {
  Destination limited = to("10.0.2.11");
  limited.thresholds = {.upper = 2, .lower = 1};
  DirectorFixture f({web({limited})});
  f.handle(segment(1, kSyn));
  f.handle(segment(1, kAck));
  f.handle(segment(1, kRst));
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "forwarded");
  EXPECT_EQ(f.director.snapshot().connections, 1U);
  EXPECT_EQ(describe(f.handle(segment(2, kSyn))), "drop no-destination");
}

TEST(Connections, AReplacementNeedsNoRoomOfItsOwn) {
  DirectorFixture f({web({to("10.0.2.11")})}, director_network(), 1);
  f.handle(segment(1, kSyn));
  f.handle(segment(1, kAck));
  f.handle(segment(1, kRst));
  EXPECT_EQ(describe(f.handle(segment(1, kSyn))), "forwarded");
  EXPECT_EQ(f.director.snapshot().connections, 1U);
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

// 400 packets in a period of two seconds: a quarter of 200 per second (reference 8.2).
constexpr std::uint64_t kRate = 50;

std::uint64_t rate_after_a_burst(DirectorFixture& f, const char* server, std::uint16_t client) {
  for (int i = 0; i < 400; ++i) f.handle(segment(client, kSyn));
  f.pass(std::chrono::seconds(3));
  f.handle(segment(client, kSyn));  // in the next period
  return f.destination(kWeb, server).rates.packets_in;
}

TEST(Rates, OfADestinationThatIsQuietForLongAndComesBack) {
  DirectorFixture f({web({to("10.0.2.11")})});
  EXPECT_EQ(rate_after_a_burst(f, "10.0.2.11", 1), kRate);
  f.pass(std::chrono::minutes(5));
  f.handle(segment(2, kRst));  // time goes by for the director, and nothing is counted
  f.pass(std::chrono::seconds(3));
  f.handle(segment(2, kRst));
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").rates.packets_in, 0U);
  EXPECT_EQ(rate_after_a_burst(f, "10.0.2.11", 1), kRate);
}

// Who takes over an id takes over nothing of its rates, and is estimated once a period.
TEST(Rates, OfADestinationInTheIdOfAnother) {
  const Config old = config_of({web({to("10.0.2.11")})});
  DirectorFixture f(old.services);
  for (int i = 0; i < 400; ++i) f.handle(segment(1, kSyn));
  f.pass(std::chrono::minutes(2));
  ASSERT_EQ(f.director.snapshot().connections, 0U);
  f.apply(diff(old, config_of({web({to("10.0.2.13")})})));
  EXPECT_EQ(rate_after_a_burst(f, "10.0.2.13", 2), kRate);
}

}  // namespace
}  // namespace lvsd
