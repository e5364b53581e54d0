// SPDX-License-Identifier: GPL-2.0-or-later
// Who is remembered with whom, for how long, and when that no longer holds (reference section 5).
#include <gtest/gtest.h>

#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

VirtualService persistent(VirtualService service, Persistence persistence = {}) {
  service.persistence = persistence;
  return service;
}

Bytes syn(std::string_view client, std::uint16_t port, std::uint16_t dport) {
  return segment(client, port, dport);
}

std::uint32_t templates(const DirectorFixture& f) {
  std::uint32_t count = 0;
  for (const ServiceSnapshot& service : f.director.snapshot().services) {
    for (const DestinationSnapshot& each : service.destinations) count += each.persistent;
  }
  return count;
}

TEST(Templates, OfOnePortAreForItAlone) {
  DirectorFixture f({persistent(tcp_service(80, DirectRouting{}, two(80))),
                     persistent(tcp_service(81, DirectRouting{}, two(81)))});
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kOther, 1, 80)), "12");
  EXPECT_EQ(templates(f), 2U);
  EXPECT_EQ(server_of(f, syn(kOther, 1, 81)), "11");
  EXPECT_EQ(templates(f), 3U);
}

TEST(Templates, OfAMarkAreForAllProtocolsAndPorts) {
  DirectorFixture f({persistent(by_mark(two(0)))});
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80), 7), "11");
  EXPECT_EQ(server_of(f, syn(kOther, 1, 443), 7), "12");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 443), 7), "11");
  EXPECT_EQ(server_of(f, datagram(kClient, 3, 53), 7), "11");
  EXPECT_EQ(templates(f), 2U);
}

TEST(Templates, OfAnyPortAreForOneProtocol) {
  DirectorFixture f({persistent(tcp_service(0, DirectRouting{}, two(0))),
                     persistent(udp_service(0, DirectRouting{}, two(0)))});
  EXPECT_EQ(server_of(f, syn(kOther, 1, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "12");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 443)), "12");
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 80)), "11");
  EXPECT_EQ(templates(f), 3U);
}

TEST(Templates, OfFtpAreForControlAndData) {
  DirectorFixture f({persistent(tcp_service(21, DirectRouting{}, two(21)))});
  EXPECT_EQ(server_of(f, syn(kClient, 1, 21)), "11");
  EXPECT_EQ(server_of(f, syn(kOther, 1, 21)), "12");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 40000)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 3, 20)), "11");
  EXPECT_EQ(templates(f), 2U);
}

TEST(Templates, MaskTheClient) {
  for (const auto& [netmask, third] : {std::pair{24, "12"}, std::pair{0, "11"}}) {
    DirectorFixture f({persistent(tcp_service(80, DirectRouting{}, two(80)),
                                  {.netmask = static_cast<std::uint8_t>(netmask)})});
    EXPECT_EQ(server_of(f, syn("10.1.0.7", 1, 80)), "11");
    EXPECT_EQ(server_of(f, syn("10.1.0.200", 1, 80)), "11");
    EXPECT_EQ(server_of(f, syn("10.1.1.7", 1, 80)), third);
  }
}

VirtualService short_lived() {
  VirtualService service =
      persistent(udp_service(53, DirectRouting{}, two(53)), {.timeout = seconds(100)});
  service.timeouts.udp = seconds(30);
  return service;
}

TEST(Templates, LiveFromTheLastNewConnection) {
  DirectorFixture f({short_lived()});
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "11");
  f.pass(seconds(99));
  EXPECT_EQ(server_of(f, datagram(kClient, 2, 53)), "11");
  f.pass(seconds(99));
  EXPECT_EQ(server_of(f, datagram(kClient, 3, 53)), "11");
  f.pass(seconds(101));
  EXPECT_EQ(server_of(f, datagram(kClient, 4, 53)), "12");
}

// Reference 5.4: prolonged once, a template is never again given more than a minute.
TEST(Templates, OnceProlongedLiveForAMinute) {
  DirectorFixture f({short_lived()});
  for (int i = 0; i <= 12; ++i) {  // to second 120
    EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "11");
    if (i < 12) f.pass(seconds(10));
  }
  f.pass(seconds(35));  // 155: no connection is left, the template until 160
  EXPECT_EQ(templates(f), 1U);
  EXPECT_EQ(server_of(f, datagram(kClient, 2, 53)), "11");
  f.pass(seconds(55));
  EXPECT_EQ(server_of(f, datagram(kClient, 3, 53)), "11");
  f.pass(seconds(63));
  EXPECT_EQ(server_of(f, datagram(kClient, 4, 53)), "12");
}

TEST(Templates, OfAQuiescedDestinationHoldUnlessTold) {
  const auto config = [](std::uint16_t weight, bool expire) {
    return config_of({persistent(tcp_service(80, DirectRouting{},
                                             {to("10.0.2.11", 80, weight), to("10.0.2.12", 80)}))},
                     {.expire_nodest_conn = {}, .expire_quiescent_template = expire});
  };
  DirectorFixture f(config(1, false).services);
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");
  f.apply(diff(config(1, false), config(0, false)));
  EXPECT_EQ(server_of(f, syn(kClient, 2, 80)), "11");
  f.apply(diff(config(0, false), config(0, true)));
  EXPECT_EQ(server_of(f, syn(kClient, 3, 80)), "12");
  EXPECT_EQ(templates(f), 2U);  // the old one, which nobody finds, has connections
  f.apply(diff(config(0, true), config(1, false)));
  EXPECT_EQ(server_of(f, syn(kClient, 4, 80)), "12");
}

TEST(Templates, OfARemovedDestinationDoNotHold) {
  const Config old = config_of({persistent(tcp_service(80, DirectRouting{}, two(80)))});
  const Config next =
      config_of({persistent(tcp_service(80, DirectRouting{}, {to("10.0.2.12", 80)}))});
  DirectorFixture f(old.services);
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");
  f.apply(diff(old, next));
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");  // the open connection goes on
  EXPECT_EQ(server_of(f, syn(kClient, 2, 80)), "12");
  f.apply(diff(next, old));
  EXPECT_EQ(server_of(f, syn(kClient, 3, 80)), "12");
}

TEST(Templates, LeadToOverloadedDestinationsToo) {
  std::vector<Destination> servers = two(80);
  servers[0].thresholds.upper = 1;
  DirectorFixture f({persistent(tcp_service(80, DirectRouting{}, servers))});
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kOther, 1, 80)), "12");
  EXPECT_EQ(server_of(f, syn("10.1.0.9", 1, 80)), "12");
}

TEST(Templates, AreGoneBeforeTheServiceForgets) {
  const Config old = config_of({short_lived()});
  DirectorFixture f(old.services);
  f.handle(datagram(kClient, 1, 53));
  f.apply(diff(old, Config{}));
  f.pass(seconds(170));
  EXPECT_EQ(f.director.snapshot().connections, 0U);
  EXPECT_TRUE(f.director.snapshot().services.empty());
}

TEST(Persistence, ByMarkIgnoresTheDestinationsPort) {
  const auto port_of = [](const DirectorFixture& f) {
    return std::to_integer<unsigned>(f.sent.at(0).packet.at(22)) * 256 +
           std::to_integer<unsigned>(f.sent.at(0).packet.at(23));
  };
  VirtualService plain = by_mark({to("10.0.2.11", 8080)});
  plain.destinations[0].method = Masquerade{};
  DirectorFixture without({plain}), with({persistent(plain)});
  EXPECT_EQ(server_of(without, syn(kClient, 1, 80), 7), "11");
  EXPECT_EQ(port_of(without), 8080U);
  EXPECT_EQ(server_of(with, syn(kClient, 1, 80), 7), "11");
  EXPECT_EQ(port_of(with), 80U);
}

TEST(Persistence, NeedsRoomForItsTemplate) {
  DirectorFixture f({persistent(tcp_service(80, DirectRouting{}, two(80)))}, director_network(), 3);
  const ServiceKey key{ServiceProtocol::tcp, endpoint(kVip, 80)};
  EXPECT_EQ(server_of(f, syn(kClient, 1, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 2, 80)), "11");
  EXPECT_EQ(server_of(f, syn(kClient, 3, 80)), "drop connection-table-full");
  EXPECT_EQ(server_of(f, syn(kOther, 1, 80)), "drop connection-table-full");
  EXPECT_EQ(f.destination(key, "10.0.2.11").active, 2U);
  EXPECT_EQ(f.destination(key, "10.0.2.12").active, 0U);
  EXPECT_EQ(templates(f), 1U);
  f.pass(seconds(1000));
  EXPECT_EQ(f.director.snapshot().connections, 0U);
}

Bytes sip(std::string_view header) {
  return text("INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" + std::string(header));
}

VirtualService sip_service() {
  return persistent(udp_service(5060, Masquerade{}, {to("10.0.2.11", 5060), to("10.0.2.12", 5060)}),
                    {.netmask = 0, .engine = PersistenceEngine::sip});
}

TEST(Sip, CallsStayTogetherAndClientsNeedNot) {
  DirectorFixture f({sip_service()});
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 5060, sip("Call-ID: one@a\r\n\r\n"))), "11");
  EXPECT_EQ(server_of(f, datagram(kClient, 2, 5060, sip("Call-ID: two@a\r\n\r\n"))), "12");
  EXPECT_EQ(server_of(f, datagram(kOther, 1, 5060, sip("i: one@a\r\n\r\n"))), "11");
  EXPECT_EQ(server_of(f, datagram(kOther, 2, 5060, sip("CALL-ID:  two@a \r\n\r\n"))), "12");
  EXPECT_EQ(server_of(f, datagram(kOther, 3, 5060, sip("I: one@a\n\n"))), "11");
  EXPECT_EQ(templates(f), 2U);
}

TEST(Sip, HostileMessagesAreNamedDrops) {
  DirectorFixture f({sip_service()});
  const std::string longest(255, 'x');
  std::uint16_t port = 1;
  for (const std::string& header :
       {std::string(), std::string("Call-ID: one@a"), std::string("Call-ID:\r\n"),
        std::string("Call-ID: \t\r\n"), "Call-ID: " + longest + "x\r\n", std::string("Call-ID"),
        std::string(":\r\n::\r\n\r\n"), std::string("X-Call-ID: one@a\r\n")}) {
    EXPECT_EQ(server_of(f, datagram(kClient, port++, 5060, sip(header))), "drop no-call-id")
        << header;
  }
  EXPECT_EQ(server_of(f, datagram(kClient, port++, 5060)), "drop no-call-id");
  EXPECT_EQ(server_of(f, datagram(kClient, port++, 5060, sip("Call-ID: " + longest + "\r\n"))),
            "11");
  EXPECT_EQ(f.director.snapshot().connections, 2U);
}

TEST(Sip, ServersMayBeginACall) {
  DirectorFixture f({sip_service()});
  const Bytes call =
      udp_packet({.source = "10.0.2.12", .destination = kClient},
                 {.source = 5060, .destination = 5070}, sip("Call-ID: three@b\r\n\r\n"));
  ASSERT_EQ(describe(f.handle(call)), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.1.2"));
  EXPECT_EQ(f.sent[0].packet[15], std::byte{100});  // from the virtual address
  EXPECT_EQ(f.destination(sip_service().key, "10.0.2.12").persistent, 1U);
  // The client's answer belongs to the connection, and what another sends to the call.
  EXPECT_EQ(server_of(f, datagram(kClient, 5070, 5060, text("whatever"))), "12");
  EXPECT_EQ(server_of(f, datagram(kOther, 1, 5060, sip("i: three@b\r\n\r\n"))), "12");
}

// A server that talks to a process on the director begins no call of a client's.
TEST(Sip, WhatAServerSendsToTheDirectorIsTheStacks) {
  DirectorFixture f({sip_service()});
  for (const std::string_view own : {"10.0.2.1", "10.0.1.1"}) {
    const Bytes call =
        udp_packet({.source = "10.0.2.12", .destination = own},
                   {.source = 5060, .destination = 5070}, sip("Call-ID: four@b\r\n\r\n"));
    EXPECT_EQ(describe(f.handle(call)), "accept no-service");
    EXPECT_TRUE(f.sent.empty());
    EXPECT_EQ(connections(f), 0U);
  }
}

}  // namespace
}  // namespace lvsd
