// SPDX-License-Identifier: GPL-2.0-or-later
// The strategies against overload (reference section 2.8).
#include <gtest/gtest.h>

#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

IpvsOptions dropping_packets(DefenceMode mode, std::uint32_t rate = 10) {
  IpvsOptions out;
  out.drop_packet = mode;
  out.am_droprate = rate;
  return out;
}

IpvsOptions dropping_entries(DefenceMode mode = DefenceMode::on) {
  IpvsOptions out;
  out.drop_entry = mode;
  return out;
}

// + and - for each of so many first packets.
std::string first_packets(DirectorFixture& f, int count, std::uint16_t port = 1) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const std::string verdict = describe(f.handle(segment(kClient, port++, 80)));
    out += verdict == "forwarded" ? '+' : verdict == "drop drop-packet" ? '-' : '?';
  }
  return out;
}

TEST(DropPacket, TakesOneOfSoMany) {
  // The kernel's counter starts at 0 where the mode is `on`, so the first one is taken.
  for (const auto& [rate, expected] :
       {std::pair{3U, "-++-++-++"}, {1U, "---------"}, {0U, "+++++++++"}}) {
    DirectorFixture f({web()});
    f.apply(change_to(dropping_packets(DefenceMode::on, rate)));
    EXPECT_EQ(first_packets(f, 9), expected) << rate;
  }
}

TEST(DropPacket, TouchesNoConnectionAndNoStranger) {
  DirectorFixture f({web()});
  f.handle(segment(kClient, 1, 80));
  f.apply(change_to(dropping_packets(DefenceMode::on, 1)));
  EXPECT_EQ(describe(f.handle(segment(kClient, 1, 80, kAck))), "forwarded");
  EXPECT_EQ(describe(f.handle(segment(kClient, 2, 81))), "accept no-service");
  EXPECT_EQ(first_packets(f, 1, 3), "-");
  f.apply(change_to({}));
  EXPECT_EQ(first_packets(f, 1, 4), "+");
}

TEST(DropPacket, GoesByWhatIsMissing) {
  DirectorFixture f({web()});
  f.apply(change_to(dropping_packets(DefenceMode::automatic)));
  EXPECT_EQ(first_packets(f, 9), "+++++++++");
  f.director.set_available_memory(512);  // half of amemthresh
  f.pass(seconds(2));
  EXPECT_EQ(first_packets(f, 6, 101), "+-+-+-");
  f.director.set_available_memory(0);
  f.pass(seconds(2));
  EXPECT_EQ(first_packets(f, 3, 201), "---");
  f.director.set_available_memory(1024);
  f.pass(seconds(2));
  EXPECT_EQ(first_packets(f, 3, 301), "+++");
}

// All of the table is visited within 33 seconds.
TEST(DropEntry, TakesHalfOpenConnections) {
  VirtualService service = web();
  for (Destination& each : service.destinations) each.method = Masquerade{};
  DirectorFixture f({service});
  f.handle(segment(kClient, 1, 80));
  f.handle(segment(kClient, 2, 80));
  f.handle(tcp_packet({.source = "10.0.2.12", .destination = kClient},
                      {.source = 80, .destination = 2, .flags = kSyn | kAck}));
  f.handle(segment(kClient, 2, 80, kAck));
  EXPECT_EQ(connections(f), 2U);
  f.apply(change_to(dropping_entries()));
  f.pass(seconds(35));
  EXPECT_EQ(connections(f), 1U);
  EXPECT_EQ(server_of(f, segment(kClient, 2, 80, kAck)), "12");
}

// One in k of those with k packets, 1 to 8, once idle for a minute.
TEST(DropEntry, TakesSomeOfTheIdle) {
  const auto left_of = [](int clients, int packets) {
    DirectorFixture f({udp_service(53, DirectRouting{}, two(53))});
    for (int n = 1; n <= clients; ++n) {
      for (int i = 0; i < packets; ++i) {
        f.handle(datagram(kClient, static_cast<std::uint16_t>(1000 + n), 53));
      }
    }
    f.apply(change_to(dropping_entries()));
    f.pass(seconds(58));
    EXPECT_EQ(connections(f), static_cast<std::uint32_t>(clients));
    f.pass(seconds(35));
    return connections(f);
  };
  EXPECT_EQ(left_of(100, 1), 0U);
  EXPECT_NEAR(left_of(100, 2), 50, 25);  // an entry may be visited twice
  EXPECT_GE(left_of(100, 8), 70U);
  EXPECT_EQ(left_of(100, 9), 100U);
}

TEST(DropEntry, TakesTemplatesThatHaveNotProvedThemselves) {
  VirtualService service = udp_service(53, Masquerade{}, two(53));
  service.persistence.emplace();
  service.timeouts.udp = seconds(5);
  DirectorFixture f({service});
  f.handle(datagram(kClient, 1, 53));
  f.handle(datagram(kOther, 1, 53));
  f.handle(udp_packet({.source = "10.0.2.11", .destination = kClient},
                      {.source = 53, .destination = 1}));
  EXPECT_EQ(connections(f), 4U);
  f.pass(seconds(7));
  EXPECT_EQ(connections(f), 2U);  // the templates; the first client's is assured
  f.apply(change_to(dropping_entries()));
  f.pass(seconds(35));
  EXPECT_EQ(connections(f), 1U);
  EXPECT_EQ(server_of(f, datagram(kClient, 2, 53)), "11");
}

// The connections of templates go first, and what then controls nobody.
TEST(DropEntry, TakesTheTemplateAlongWithItsLastConnection) {
  VirtualService service = web();
  service.persistence.emplace();
  DirectorFixture f({service});
  f.handle(tcp_packet({.source = kClient, .destination = kVip}, {.source = 1}));
  f.apply(change_to(dropping_entries()));
  // With DR a SYN alone counts as established: idle for a minute, with one packet, it goes.
  f.pass(seconds(100));
  EXPECT_LE(connections(f), 1U);
}

TEST(DropEntry, TakesAssociationsThatNeverWere) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to("10.0.2.11", 3868)})});
  const auto chunk = [](std::uint16_t port, std::uint8_t type, bool from_client) {
    IpFields ip{.source = kClient, .destination = kVip};
    if (!from_client) ip = {.source = "10.0.2.11", .destination = kClient};
    const SctpFields ports = from_client ? SctpFields{.source = port} : SctpFields{3868, port};
    return sctp_packet(ip, ports, sctp_chunk(type, pattern(8)));
  };
  constexpr std::uint8_t kInit = 1, kInitAck = 2, kCookieEcho = 10, kCookieAck = 11;
  f.handle(chunk(2, kInit, true));
  f.handle(chunk(2, kInitAck, false));
  f.handle(chunk(2, kCookieEcho, true));
  f.handle(chunk(2, kCookieAck, false));
  f.apply(change_to(dropping_entries()));
  // Half-open ones live for 4 s by themselves: with new ones all the time, each part of the table
  // is visited while one is there.
  int seen = 0, taken = 0;
  for (std::uint16_t port = 100; port < 140; ++port) {
    f.handle(chunk(port, kInit, true));
    f.pass(std::chrono::milliseconds(1100));
    const ConnectionPage page = f.director.connections(0, 1000, f.now);
    int half_open = 0;
    for (const ConnectionSnapshot& one : page.connections) half_open += one.state == "INIT1";
    seen += half_open;
    taken += half_open < std::min(4, port - 99);
  }
  EXPECT_GT(seen, 0);
  EXPECT_GT(taken, 0);
  EXPECT_EQ(f.destination({ServiceProtocol::sctp, endpoint(kVip, 3868)}, "10.0.2.11").active, 1U);
  EXPECT_EQ(server_of(f, chunk(2, 0, true)), "11");  // DATA of the one that is established
}

// Controllers and those they control in the same part of the table, by the hundred.
TEST(DropEntry, TakesAControllerOnlyWithTheLastOfItsConnections) {
  VirtualService service = web();
  for (Destination& each : service.destinations) each.method = Masquerade{};
  service.persistence.emplace();
  DirectorFixture f({service});
  for (std::uint16_t port = 100; port < 400; ++port) f.handle(segment(kClient, port, 80));
  f.handle(tcp_packet({.source = "10.0.2.11", .destination = kClient},
                      {.source = 80, .destination = 300, .flags = kSyn | kAck}));
  f.handle(segment(kClient, 300, 80, kAck));  // established, so that its template is assured
  for (std::uint16_t port = 100; port < 400; ++port) f.handle(segment(kOther, port, 80));
  EXPECT_EQ(connections(f), 602U);
  f.apply(change_to(dropping_entries()));
  f.pass(seconds(35));
  EXPECT_EQ(connections(f), 2U);
  EXPECT_EQ(f.destination(service.key, "10.0.2.11").persistent, 1U);
  EXPECT_EQ(f.destination(service.key, "10.0.2.12").persistent, 0U);
  EXPECT_EQ(server_of(f, segment(kClient, 300, 80, kAck)), "11");
}

TEST(Defence, SleepsWhereNothingNeedsIt) {
  DirectorFixture f({web()});
  EXPECT_FALSE(f.director.next_deadline());
  f.apply(change_to(dropping_entries(DefenceMode::automatic)));
  EXPECT_TRUE(f.director.next_deadline());
  f.apply(change_to({}));
  EXPECT_FALSE(f.director.next_deadline());
}

}  // namespace
}  // namespace lvsd
