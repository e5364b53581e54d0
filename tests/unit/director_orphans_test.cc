// SPDX-License-Identifier: GPL-2.0-or-later
// Connections of removed destinations with expire_nodest_conn: ended a part of the table at a time.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "unit/director_life.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

constexpr std::uint16_t kPort = 1000;

Bytes to_service(std::uint8_t flags, std::uint16_t port) {
  return tcp_packet({.source = kClient, .destination = kVip},
                    {.source = port, .destination = kPort, .flags = flags});
}
VirtualService serve(const std::vector<Destination>& destinations) {
  return tcp_service(kPort, Masquerade{}, destinations);
}
IpvsOptions expiring() {
  IpvsOptions options;
  options.expire_nodest_conn = true;
  return options;
}

// expire_nodest_conn ends a table's connections a part at a time; to packets they are gone at once.
struct Sweep : DirectorFixture {
  static constexpr std::uint16_t kMany = 3000, kBefore = 2000;
  Sweep() : DirectorFixture({two()}, director_network(), 2 * kMany) {
    Changes options;
    options.ipvs = expiring();
    apply(options);
    for (std::uint16_t port = kBefore + 1; port <= kBefore + kMany; ++port) {
      handle(to_service(kSyn, port));
    }
  }
  static VirtualService two() { return serve({to("10.0.2.11"), to("10.0.2.12")}); }
  static VirtualService second() {
    VirtualService out = two();
    out.destinations.erase(out.destinations.begin());
    return out;
  }
  void remove_first() {
    Changes changes = diff(config_of({two()}), config_of({second()}));
    changes.ipvs = expiring();
    apply(changes);
  }
  void add_first() {
    Changes changes = diff(config_of({second()}), config_of({two()}));
    changes.ipvs = expiring();
    apply(changes);
  }
  std::uint32_t connections() const { return director.snapshot().connections; }
  std::string reply(const char* server, std::uint16_t port) {
    return describe(handle(tcp_packet({.source = server, .destination = kClient},
                                      {.source = 80, .destination = port, .flags = kAck})));
  }
};

TEST(Orphans, EndAPartAtATime) {
  Sweep f;
  f.remove_first();
  std::uint32_t left = f.connections();
  EXPECT_GT(left, Sweep::kMany - 300U);
  Emissions none;
  int turns = 0;
  for (; f.director.next_deadline() <= f.now; ++turns) {
    f.director.expire(*f.director.next_deadline(), none);
    EXPECT_GE(f.connections() + 600, left);
    left = f.connections();
  }
  EXPECT_EQ(left, Sweep::kMany / 2);
  EXPECT_GT(turns, 5);
  EXPECT_EQ(f.director.snapshot().services.at(0).destinations.size(), 1U);
}

TEST(Orphans, AreGoneForPacketsBeforeTheirTurn) {
  Sweep f;
  f.remove_first();
  constexpr std::uint16_t kLast =
      Sweep::kBefore + Sweep::kMany - 1;  // odd numbers went to the first
  EXPECT_EQ(f.reply("10.0.2.11", kLast), "accept no-service");
  EXPECT_EQ(f.reply("10.0.2.12", kLast + 1), "forwarded");
  EXPECT_EQ(describe(f.handle(to_service(kAck, kLast))), "accept not-schedulable");
  const auto error = [&f](std::uint16_t port) {
    const Bytes quoted = tcp_packet({.source = kVip, .destination = kClient},
                                    {.source = kPort, .destination = port, .flags = kAck});
    return describe(f.handle(
        icmp_error({.source = kClient, .destination = kVip}, {.type = 3, .code = 1}, quoted)));
  };
  EXPECT_EQ(error(kLast - 2), "accept no-connection");
  EXPECT_EQ(error(kLast + 1), "forwarded");
  ASSERT_EQ(describe(f.handle(to_service(kSyn, kLast))), "forwarded");
  EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.12"));
  f.pass({});
  EXPECT_EQ(describe(f.handle(to_service(kAck, kLast))), "forwarded");
  EXPECT_EQ(f.connections(), Sweep::kMany / 2 + 1U);
}

TEST(Orphans, OfADestinationThatComesBackLiveOn) {
  Sweep f;
  f.remove_first();
  f.add_first();
  f.pass({});
  EXPECT_EQ(f.reply("10.0.2.11", Sweep::kBefore + Sweep::kMany - 1), "forwarded");
  f.remove_first();
  f.pass({});
  EXPECT_EQ(f.connections(), Sweep::kMany / 2);
}

TEST(Orphans, OfPersistenceGoWithTheirTemplates) {
  VirtualService web = serve({to("10.0.2.11")});
  web.persistence = Persistence{.timeout = seconds(1000)};
  DirectorFixture f({web});
  for (std::uint16_t port = 1; port <= 5; ++port) f.handle(to_service(kSyn, port));
  Changes changes = diff(config_of({web}), config_of({serve({})}));
  changes.ipvs = expiring();
  f.apply(changes);
  f.pass({});
  EXPECT_EQ(f.director.snapshot().connections, 0U);
}

}  // namespace
}  // namespace lvsd
