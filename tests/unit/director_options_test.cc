// SPDX-License-Identifier: GPL-2.0-or-later
// IPVS's settings, each way, and as a reload changes them (reference 1.4, 1.8, 2.6 to 2.9), and
// that counts stay right whatever happens in which order.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

const ServiceKey kWeb{ServiceProtocol::tcp, endpoint("10.0.3.100", 80)};

IpvsOptions expiring(std::optional<bool> expire) {
  IpvsOptions out;
  out.expire_nodest_conn = expire;
  return out;
}

VirtualService web_of(std::uint16_t first_weight) {
  return tcp_service(80, DirectRouting{}, {to("10.0.2.11", 80, first_weight), to("10.0.2.12", 80)});
}

// What a removed destination's connection gets: a later segment, then a SYN.
std::pair<std::string, std::string> after_removal(std::optional<bool> expire) {
  const Config old = config_of({web()}, expiring(expire));
  const Config next =
      config_of({tcp_service(80, DirectRouting{}, {to("10.0.2.12", 80)})}, expiring(expire));
  DirectorFixture f(old.services);
  f.apply(change_to(old.ipvs));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), "11");
  f.apply(diff(old, next));
  const std::string later = server_of(f, segment(kClient, 1, 80, kAck));
  return {later, server_of(f, segment(kClient, 1, 80))};
}

TEST(ExpireNodestConn, DecidesAboutRemovedDestinations) {
  EXPECT_EQ(after_removal({}), std::pair(std::string("11"), std::string("11")));
  EXPECT_EQ(after_removal(false), std::pair(std::string("drop destination-removed"),
                                            std::string("drop destination-removed")));
  EXPECT_EQ(after_removal(true),
            std::pair(std::string("accept not-schedulable"), std::string("12")));
}

TEST(ExpireNodestConn, WorksAgainWhenTheDestinationComesBack) {
  const Config old = config_of({web()}, expiring(false));
  const Config next =
      config_of({tcp_service(80, DirectRouting{}, {to("10.0.2.12", 80)})}, expiring(false));
  DirectorFixture f(old.services);
  f.apply(change_to(old.ipvs));
  f.handle(segment(kClient, 1, 80));
  f.apply(diff(old, next));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "drop destination-removed");
  f.apply(diff(next, old));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "11");
}

TEST(ExpireNodestConn, MovesANewSynFromAQuiescedDestination) {
  for (const bool expire : {false, true}) {
    const Config old = config_of({web_of(1)}), next = config_of({web_of(0)});
    DirectorFixture f(old.services);
    f.apply(change_to(expiring(expire)));
    f.handle(segment(kClient, 1, 80));
    f.handle(segment(kClient, 1, 80, kAck));
    Changes changes = diff(old, next);
    changes.ipvs.reset();
    f.apply(changes);
    EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "11");
    EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), expire ? "12" : "11");
  }
}

TEST(ConnReuseMode, SaysInWhichStatesASynBeginsAnew) {
  for (std::uint8_t mode = 0; mode <= 3; ++mode) {
    IpvsOptions options;
    options.conn_reuse_mode = mode;
    for (const auto& [last, from] :
         {std::pair{kAck, 4}, std::pair{kRst, 1}, std::pair{kFinAck, 2}}) {
      DirectorFixture f({web()});
      f.apply(change_to(options));
      f.handle(segment(kClient, 1, 80));
      f.handle(segment(kClient, 1, 80, kAck));
      f.handle(segment(kClient, 1, 80, last));
      EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), mode >= from ? "12" : "11")
          << "mode " << int{mode} << " after flags " << int{last};
      EXPECT_EQ(connections(f), 1U);
    }
  }
}

TEST(ConnReuseMode, NeverMovesAPersistentClient) {
  VirtualService service = web();
  service.persistence.emplace();
  DirectorFixture f({service});
  f.handle(segment(kClient, 1, 80));
  f.handle(segment(kClient, 1, 80, kRst));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80)), "11");
  EXPECT_EQ(f.destination(kWeb, "10.0.2.11").statistics.connections, 1U);
}

TEST(SloppyTcp, LetsAnythingButAResetBegin) {
  DirectorFixture f({web()});
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "accept not-schedulable");
  IpvsOptions options;
  options.sloppy_tcp = true;
  f.apply(change_to(options));
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "11");
  EXPECT_EQ(server_of(f, segment(kClient, 2, 80, kRst)), "accept not-schedulable");
  f.apply(change_to({}));
  EXPECT_EQ(server_of(f, segment(kClient, 3, 80, kAck)), "accept not-schedulable");
  EXPECT_EQ(server_of(f, segment(kClient, 1, 80, kAck)), "11");
}

TEST(SloppySctp, LetsAnythingButAnAbortBegin) {
  constexpr std::uint8_t kData = 0, kInit = 1, kAbort = 6;
  DirectorFixture f({sctp_service(3868, DirectRouting{}, two(3868))});
  const auto chunk = [&](std::uint16_t port, std::uint8_t type) {
    return server_of(f, sctp_packet({.source = kClient, .destination = kVip}, {.source = port},
                                    sctp_chunk(type, pattern(16))));
  };
  EXPECT_EQ(chunk(1, kData), "accept not-schedulable");
  EXPECT_EQ(chunk(2, kInit), "11");
  IpvsOptions options;
  options.sloppy_sctp = true;
  f.apply(change_to(options));
  EXPECT_EQ(chunk(3, kData), "12");
  EXPECT_EQ(chunk(4, kAbort), "accept not-schedulable");
}

TEST(NatIcmpSend, AnswersWhatANatServerSendsUnasked) {
  VirtualService service = web();
  for (Destination& each : service.destinations) each.method = Masquerade{};
  DirectorFixture f({service});
  const auto from = [&](std::string_view server, std::uint16_t port, std::uint8_t flags) {
    return describe(f.handle(tcp_packet({.source = server, .destination = kClient},
                                        {.source = port, .destination = 5, .flags = flags})));
  };
  EXPECT_EQ(from("10.0.2.11", 80, kAck), "accept no-service");
  IpvsOptions options;
  options.nat_icmp_send = true;
  f.apply(change_to(options));
  EXPECT_EQ(from("10.0.2.11", 80, kAck), "drop stray-reply");
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].destination, mac_of("10.0.2.11"));
  EXPECT_EQ(f.sent[0].packet[20], std::byte{3});
  EXPECT_EQ(f.sent[0].packet[21], std::byte{3});
  EXPECT_EQ(from("10.0.2.11", 80, kRst), "accept no-service");
  EXPECT_EQ(from("10.0.2.11", 81, kAck), "accept no-service");
  EXPECT_EQ(from("10.0.2.13", 80, kAck), "accept no-service");

  VirtualService marked = by_mark({to("10.0.2.13", 80)});  // any protocol's
  marked.destinations[0].method = Masquerade{};
  f.apply(diff(config_of({service}, options), config_of({service, marked}, options)));
  EXPECT_EQ(from("10.0.2.13", 80, kAck), "drop stray-reply");
}

std::uint16_t any_of(std::mt19937& random, std::uint16_t most) {
  return static_cast<std::uint16_t>(random() % (most + 1U));
}

Config any_config(std::mt19937& random) {
  const std::string server = "10.0.2.1";
  std::vector<VirtualService> services;
  for (const std::uint16_t port : std::array<std::uint16_t, 3>{80, 21, 0}) {
    if (any_of(random, 4) == 0) continue;
    VirtualService tcp = tcp_service(port, DirectRouting{}, {}), udp = tcp;
    udp.key.protocol = ServiceProtocol::udp;
    udp.name = to_string(udp.key);
    udp.one_packet = any_of(random, 2) == 0;
    for (VirtualService* service : {&tcp, &udp}) {
      if (any_of(random, 1) == 0) service->persistence = Persistence{.timeout = seconds(20)};
      for (const char* last : {"1", "2", "3"}) {
        if (any_of(random, 3) == 0) continue;
        service->destinations.push_back(to(server + last, port, any_of(random, 2)));
        if (any_of(random, 1) == 0) service->destinations.back().method = Masquerade{};
        service->destinations.back().thresholds.upper = any_of(random, 6);
      }
      services.push_back(*service);
    }
  }
  if (any_of(random, 1) == 0) services.push_back(by_mark(two(0)));
  IpvsOptions options;
  if (any_of(random, 2) != 0) options.expire_nodest_conn = any_of(random, 1) == 0;
  options.expire_quiescent_template = any_of(random, 1) == 0;
  options.drop_entry = any_of(random, 2) == 0 ? DefenceMode::on : DefenceMode::off;
  return config_of(services, options);
}

// The director asserts that no count goes below zero; at the end all of them are there again.
TEST(Counts, AreRightAfterAnything) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    Config config = any_config(random);
    DirectorFixture f(config.services, director_network(), 60);
    f.apply(change_to(config.ipvs));
    for (int step = 0; step < 1000; ++step) {
      const std::string client = "10.1.0." + std::to_string(1 + any_of(random, 5));
      const auto port = static_cast<std::uint16_t>(1025 + any_of(random, 5));
      const std::array<std::uint16_t, 4> ports{80, 21, 443, 40000};
      const std::uint16_t dport = ports[any_of(random, 3)];
      const std::array<std::uint8_t, 5> flags{kSyn, kSyn, kAck, kFinAck, kRst};
      const std::uint32_t mark = any_of(random, 3) == 0 ? 7 : 0;
      if (any_of(random, 2) == 0) {
        f.handle(datagram(client, port, dport), mark);
      } else {
        f.handle(segment(client, port, dport, flags[any_of(random, 4)]), mark);
      }
      if (any_of(random, 9) == 0) f.pass(seconds(any_of(random, 30)));
      if (any_of(random, 39) != 0) continue;
      const Config next = any_config(random);
      f.apply(diff(config, next));
      config = next;
    }
    f.apply(diff(config, Config{}));
    f.pass(seconds(2000));
    EXPECT_EQ(connections(f), 0U) << "seed " << seed;
    EXPECT_TRUE(f.director.snapshot().services.empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace lvsd
