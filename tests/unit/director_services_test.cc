// SPDX-License-Identifier: GPL-2.0-or-later
// Which service takes a packet, and what becomes of one that no destination is for (reference 1.5
// to 1.7, 1.13, 1.15).
#include <gtest/gtest.h>

#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

std::vector<Destination> only(std::string_view server, std::uint16_t port) {
  return {to(server, port)};
}

TEST(ServiceLookUp, GoesByMarkThenPortThenAnyPort) {
  DirectorFixture f({tcp_service(80, DirectRouting{}, only("10.0.2.11", 80)),
                     tcp_service(0, DirectRouting{}, only("10.0.2.12", 0)),
                     by_mark(only("10.0.2.13", 0))});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80), 7), "13");
  EXPECT_EQ(server_of(f, segment(kClient, 2, 80), 8), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 3, 80)), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 4, 81)), "12");
  EXPECT_EQ(server_of(f, datagram(kClient, 5, 80)), "accept no-service");
  EXPECT_EQ(server_of(f, datagram(kClient, 6, 80), 7), "13");
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), "13");  // a connection needs no mark any more
}

TEST(ServiceLookUp, FtpDataBelongsToFtp) {
  VirtualService ftp = tcp_service(21, DirectRouting{}, only("10.0.2.11", 21));
  ftp.persistence.emplace();
  DirectorFixture f({ftp, tcp_service(0, DirectRouting{}, only("10.0.2.12", 0))});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 20)), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 2, 1024)), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 3, 1023)), "12");
}

TEST(ServiceLookUp, WithoutPersistenceFtpTakesItsOwnPortOnly) {
  DirectorFixture f({tcp_service(21, DirectRouting{}, two(21))});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 21)), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 2, 40000)), "accept no-service");
  EXPECT_TRUE(f.sent.empty());
}

TEST(ServiceLookUp, ForgetsWhatAReloadTookAway) {
  const Config all = config_of({tcp_service(21, DirectRouting{}, two(21)),
                                tcp_service(0, DirectRouting{}, two(0)), by_mark(two(0))});
  DirectorFixture f(all.services);
  f.apply(diff(all, config_of({web()})));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 81), 7), "accept no-service");
  EXPECT_EQ(server_of(f, segment(kClient, 2, 40000)), "accept no-service");
  EXPECT_EQ(server_of(f, segment(kClient, 3, 80), 7), "11");
}

TEST(AnyPort, KeepsThePortWithNatToo) {
  DirectorFixture f({tcp_service(0, Masquerade{}, only("10.0.2.11", 0))});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 8443)), "11");
  EXPECT_EQ(f.sent.at(0).packet[22], std::byte{8443 >> 8});
  EXPECT_EQ(f.sent.at(0).packet[23], std::byte{8443 & 0xff});
}

TEST(Leaving, TellsTheClientThatThePortIsUnreachable) {
  DirectorFixture f({tcp_service(80, DirectRouting{}, {to("10.0.2.11", 80, 0)})});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), "drop no-destination");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.1.2"));
  EXPECT_EQ(f.sent[0].packet[20], std::byte{3});
  EXPECT_EQ(f.sent[0].packet[21], std::byte{3});
  EXPECT_EQ(server_of(f, segment(kClient, 20, 80)), "accept not-schedulable");
}

TEST(Leaving, APersistentServiceLeavesLikeAnyOther) {
  VirtualService service = tcp_service(80, DirectRouting{}, {});
  service.persistence.emplace();
  DirectorFixture f({service});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), "drop no-destination");
  EXPECT_EQ(connections(f), 0U);
}

TEST(CacheBypass, SendsOnWhatNoDestinationIsFor) {
  DirectorFixture f({by_mark({})});
  const Bytes request = tcp_packet({.source = kClient, .destination = "10.0.2.2"}, {});
  EXPECT_EQ(server_of(f, request, 7), "drop no-destination");
  f.apply(change_to({.expire_nodest_conn = {}, .cache_bypass = true}));
  ASSERT_EQ(describe(f.handle(request, 7)), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.2.2"));
  EXPECT_EQ(connections(f), 1U);
  // By mark only, and never to the director itself.
  EXPECT_EQ(server_of(f, tcp_packet({.source = kClient, .destination = "10.0.2.1"}, {}), 7),
            "drop no-destination");
  f.pass(seconds(1000));
  EXPECT_EQ(connections(f), 0U);
}

VirtualService one_packet(VirtualService service) {
  service.one_packet = true;
  return service;
}

TEST(OnePacket, SchedulesEachAndRemembersNone) {
  const VirtualService service = one_packet(udp_service(53, DirectRouting{}, two(53)));
  DirectorFixture f({service});
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "11");
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "12");
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "11");
  EXPECT_EQ(connections(f), 0U);
  EXPECT_EQ(f.destination(service.key, "10.0.2.11").statistics.connections, 2U);
  EXPECT_EQ(f.destination(service.key, "10.0.2.11").inactive, 0U);
}

TEST(OnePacket, RepliesOfNatBelongToNothing) {
  DirectorFixture f({one_packet(udp_service(53, Masquerade{}, only("10.0.2.11", 53)))});
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53)), "11");
  EXPECT_EQ(server_of(f, udp_packet({.source = "10.0.2.11", .destination = kClient},
                                    {.source = 53, .destination = 1})),
            "accept no-service");
}

TEST(OnePacket, ByMarkIsForUdpAlone) {
  DirectorFixture f({one_packet(by_mark(two(0)))});
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53), 7), "11");
  EXPECT_EQ(server_of(f, datagram(kClient, 1, 53), 7), "12");
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80), 7), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck), 7), "11");
  EXPECT_EQ(connections(f), 1U);
}

TEST(OnePacket, PersistentStaysWithOneDestination) {
  VirtualService service = one_packet(udp_service(53, DirectRouting{}, two(53)));
  service.persistence = Persistence{.timeout = seconds(100)};
  DirectorFixture f({service});
  for (std::uint16_t port = 1; port <= 3; ++port) {
    EXPECT_EQ(server_of(f, datagram(kClient, port, 53)), "11");
  }
  EXPECT_EQ(server_of(f, datagram(kOther, 1, 53)), "12");
  EXPECT_EQ(connections(f), 2U);  // the templates
  f.pass(seconds(102));
  EXPECT_EQ(connections(f), 0U);
}

TEST(ServiceTimeouts, GoBeforeTheFiles) {
  VirtualService own = udp_service(53, DirectRouting{}, two(53));
  own.timeouts.udp = seconds(10);
  const VirtualService other = udp_service(54, DirectRouting{}, two(54));
  DirectorFixture f({own, other});
  f.handle(datagram(kClient, 1, 53));
  f.handle(datagram(kClient, 1, 54));
  f.pass(seconds(12));
  EXPECT_EQ(connections(f), 1U);
  Changes changes;
  changes.timeouts = Timeouts{.udp = seconds(20)};
  f.apply(changes);  // from each connection's next packet on
  f.handle(datagram(kClient, 2, 53));
  f.handle(datagram(kClient, 1, 54));
  f.pass(seconds(12));
  EXPECT_EQ(connections(f), 1U);
  f.pass(seconds(10));
  EXPECT_EQ(connections(f), 0U);
}

// What is asked for in parts is what is shown as a whole.
TEST(Snapshot, InParts) {
  DirectorFixture f(
      {udp_service(53, DirectRouting{}, two(53)), udp_service(54, DirectRouting{}, two(54))});
  for (std::uint16_t port = 1; port < 6; ++port) f.handle(datagram(kClient, port, 53));
  const DirectorSnapshot whole = f.director.snapshot(f.now);
  const DirectorSnapshot totals = f.director.totals(f.now);
  EXPECT_TRUE(totals.services.empty());
  EXPECT_EQ(totals.connections, whole.connections);
  EXPECT_EQ(totals.counters.forwarded, 5U);
  ASSERT_EQ(whole.services.size(), 2U);
  const ServiceKey unknown{ServiceProtocol::tcp, endpoint("10.9.9.9", 1)};
  const std::vector<ServiceKey> keys{whole.services[1].key, unknown, whole.services[0].key};
  const auto parts = f.director.services(keys, f.now);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].key, whole.services[1].key);
  EXPECT_EQ(parts[1].statistics, whole.services[0].statistics);
  ASSERT_EQ(parts[1].destinations.size(), 2U);
  EXPECT_EQ(parts[1].destinations[0].inactive, whole.services[0].destinations[0].inactive);
}

// The kernel never finds such a connection again, and makes one for each packet.
TEST(SourcePortZero, IsAConnectionLikeAnyOther) {
  DirectorFixture f({udp_service(53, DirectRouting{}, two(53))});
  const Bytes query = datagram(kClient, 0, 53);
  const std::string server = server_of(f, query);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(server_of(f, query), server);
  EXPECT_EQ(f.director.snapshot().connections, 1U);
}

}  // namespace
}  // namespace lvsd
