// SPDX-License-Identifier: GPL-2.0-or-later
// Checks that take their service's data path: the packets, and that nobody else sees them.
#include <gtest/gtest.h>

#include "lvsd/config/diff.h"
#include "lvsd/director/decision.h"
#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::uint32_t kMark = 0x4c560007, kOtherMark = 0x4c560008;
constexpr std::string_view kVip = "10.0.3.100", kOwn = "10.0.2.1";
constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kFinAck = 0x11, kSynAck = 0x12, kRstAck = 0x14;
const ServiceKey kWeb{ServiceProtocol::tcp, endpoint(kVip, 80)};

VirtualService checked(const ForwardingMethod& method, std::uint16_t weight = 1) {
  const auto to = [&](std::string_view text) {
    return Destination{endpoint(text, 80), method, Weight(weight)};
  };
  VirtualService service = tcp_service(80, method, {to("10.0.2.11"), to("10.0.2.12")});
  service.probes.mark = kMark;
  for (const Destination& one : service.destinations) {
    service.probes.targets.push_back(
        {one.endpoint.address, method, ServiceProtocol::tcp, Port(80)});
  }
  return service;
}

Bytes question(std::string_view to, std::uint8_t flags = kSyn, std::uint8_t ttl = 64,
               std::uint16_t port = 40000) {
  return tcp_packet({.source = kOwn, .destination = to, .ttl = ttl},
                    {.source = port, .destination = 80, .flags = flags});
}
Bytes answer(std::string_view from, std::uint8_t flags = kSynAck) {
  return tcp_packet({.source = from, .destination = kOwn},
                    {.source = 80, .destination = 40000, .flags = flags});
}

class ProbePathByMethod : public testing::TestWithParam<ForwardingMethod> {};

TEST_P(ProbePathByMethod, GoesAsAClientsPacketAndTheAnswerComesAsTheServers) {
  DirectorFixture f({checked(GetParam())});
  for (const std::string_view server : {"10.0.2.12", "10.0.2.11"}) {
    const std::uint16_t port = server == "10.0.2.11" ? 40000 : 40001;
    ASSERT_EQ(describe(f.handle(question(server, kSyn, 64, port), kMark)), "forwarded");
    ASSERT_EQ(f.sent.size(), 1U);
    EXPECT_EQ(f.sent[0].destination, mac_of(server));
    const Bytes inner = question(kVip, kSyn, 63, port);
    const bool tunnel = std::holds_alternative<Tunnel>(GetParam());
    if (!tunnel) {
      EXPECT_TRUE(same_packet(inner, f.sent[0].packet));
    } else {
      const Bytes carried(f.sent[0].packet.begin() + 20, f.sent[0].packet.end());
      EXPECT_TRUE(same_packet(inner, carried));
    }
  }
  ASSERT_EQ(describe(f.handle(answer(kVip))), "accept probe-answer changed");
  EXPECT_TRUE(same_packet(answer("10.0.2.11"), f.changed));
}

INSTANTIATE_TEST_SUITE_P(Methods, ProbePathByMethod,
                         testing::Values(ForwardingMethod(DirectRouting{}),
                                         ForwardingMethod(Tunnel{})));

TEST(ProbePath, IsNobodysClient) {
  VirtualService service = checked(DirectRouting{});
  service.persistence.emplace();
  DirectorFixture f({service});
  f.handle(question("10.0.2.11"), kMark);
  f.handle(answer(kVip));
  const DirectorSnapshot seen = f.director.snapshot();
  EXPECT_EQ(seen.connections, 0U);
  EXPECT_EQ(seen.services.at(0).statistics, Statistics{});
  EXPECT_EQ(seen.counters.statistics, Statistics{});
  EXPECT_EQ(seen.counters.forwarded, 0U);
  EXPECT_EQ(seen.counters.probes, 1U);
  EXPECT_EQ(seen.services.at(0).destinations.at(0).persistent, 0U);
}

TEST(ProbePath, AsksADestinationThatIsTakenOut) {
  DirectorFixture f({checked(DirectRouting{}, 0)});
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kMark)), "forwarded");
  VirtualService without = checked(DirectRouting{});
  without.destinations.erase(without.destinations.begin());
  Config before, after;
  before.services = {checked(DirectRouting{}, 0)};
  after.services = {without};
  f.apply(diff(before, after));
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kMark)), "forwarded");
}

TEST(ProbePath, NothingElseGetsThrough) {
  DirectorFixture f({checked(DirectRouting{})});
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kOtherMark)), "drop probe-unplaced");
  EXPECT_EQ(describe(f.handle(question("10.0.2.13"), kMark)), "drop probe-unplaced");
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"))), "accept no-service");
  EXPECT_EQ(describe(f.handle(answer(kVip))), "accept no-service");
  Config before, after;
  before.services = {checked(DirectRouting{})};
  f.apply(diff(before, after));
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kMark)), "drop probe-unplaced");
}

TEST(ProbePath, OnePortIsOneServersUntilItsCheckIsOver) {
  DirectorFixture f({checked(DirectRouting{})});
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kMark)), "forwarded");
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "drop probe-busy");
  EXPECT_EQ(describe(f.handle(question("10.0.2.11", kFinAck), kMark)), "forwarded");
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "forwarded");
  ASSERT_EQ(describe(f.handle(answer(kVip))), "accept probe-answer changed");
  EXPECT_TRUE(same_packet(answer("10.0.2.12"), f.changed));
}

TEST(ProbePath, WhatIsOverStaysSo) {
  DirectorFixture f({checked(DirectRouting{})});
  f.handle(question("10.0.2.11"), kMark);
  f.handle(question("10.0.2.11", kFinAck), kMark);
  f.handle(question("10.0.2.11", kAck), kMark);  // of the other side's FIN
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "forwarded");
  EXPECT_EQ(describe(f.handle(question("10.0.2.11"), kMark)), "drop probe-busy");
}

TEST(ProbePath, AResetIsTheLastAnswer) {
  DirectorFixture f({checked(DirectRouting{})});
  f.handle(question("10.0.2.11"), kMark);
  ASSERT_EQ(describe(f.handle(answer(kVip, kRstAck))), "accept probe-answer changed");
  EXPECT_TRUE(same_packet(answer("10.0.2.11", kRstAck), f.changed));
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "forwarded");
}

// A connection that is given up while it is made ends without a packet.
TEST(ProbePath, WhatGetsNoAnswerKeepsItsPortForSeconds) {
  DirectorFixture f({checked(DirectRouting{})});
  f.handle(question("10.0.2.11"), kMark);
  f.pass(std::chrono::seconds(4));
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "drop probe-busy");
  f.pass(std::chrono::seconds(1));
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "forwarded");
}

TEST(ProbePath, AnAnswerShowsThatACheckGoesOn) {
  DirectorFixture f({checked(DirectRouting{})});
  f.handle(question("10.0.2.11"), kMark);
  f.pass(std::chrono::seconds(4));
  f.handle(answer(kVip));
  f.pass(std::chrono::seconds(4));
  EXPECT_EQ(describe(f.handle(question("10.0.2.12"), kMark)), "drop probe-busy");
}

TEST(ProbePath, IsForgottenAfterAWhile) {
  DirectorFixture f({checked(DirectRouting{})});
  f.handle(question("10.0.2.11"), kMark);
  f.pass(std::chrono::seconds(29));
  EXPECT_EQ(describe(f.handle(answer(kVip))), "accept probe-answer changed");
  f.pass(std::chrono::seconds(61));
  EXPECT_EQ(describe(f.handle(answer(kVip))), "accept no-service");
}

TEST(ProbePath, ThisHostIsAskedDirectly) {
  VirtualService service = checked(DirectRouting{});
  service.probes.targets[0].address = address(kOwn);
  DirectorFixture f({service});
  EXPECT_EQ(describe(f.handle(question(kOwn), kMark)), "accept probe-local");
}

TEST(ProbePath, IsExplainedWithoutBeingRemembered) {
  DirectorFixture f({checked(DirectRouting{})});
  Bytes room(kPacketHeadroom);
  const Bytes packet = question("10.0.2.11");
  room.insert(room.end(), packet.begin(), packet.end());
  PacketBuffer buffer(room, kPacketHeadroom, packet.size());
  buffer.set_mark(kMark);
  Emissions out;
  Decision decision;
  f.director.explain(buffer, f.now, out, decision);
  ASSERT_TRUE(decision.probe);
  EXPECT_EQ(decision.probe->key, kWeb);
  EXPECT_EQ(decision.probe->server, endpoint("10.0.2.11", 80));
  ASSERT_TRUE(decision.way);
  EXPECT_EQ(decision.way->server, endpoint("10.0.2.11", 80));
  EXPECT_EQ(describe(decision.verdict), "forwarded");
  EXPECT_EQ(describe(f.handle(answer(kVip))), "accept no-service");
}

}  // namespace
}  // namespace lvsd
