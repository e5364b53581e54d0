// SPDX-License-Identifier: GPL-2.0-or-later
// What routers say of the way to a tunnel's end: whose it is, and what it costs to hear of it.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

#include "unit/director_life.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

Destination at(std::string_view server, std::uint16_t port) {
  return {endpoint(server, port), DirectRouting{}, Weight(1)};
}
Bytes datagram(std::uint16_t port, std::size_t size) {
  return udp_packet({.source = kClient, .destination = kVip, .dont_fragment = true},
                    {.destination = port}, pattern(size - 28));
}
// A router says that it is 1000 bytes, about a packet of a tunnel there.
Bytes too_big(std::string_view server, std::uint8_t protocol = 4) {
  const Bytes outer =
      ip_packet({.source = "10.0.2.1", .destination = server}, protocol, pattern(40));
  return icmp_error({.source = "10.0.2.2", .destination = "10.0.2.1"},
                    {.type = 3, .code = 4, .rest = 1000}, outer);
}
const VirtualService kTunnel = udp_service(53, Tunnel{}, {at("10.0.2.11", 53)});
const VirtualService kRouted = udp_service(54, DirectRouting{}, {at("10.0.2.11", 54)});
const VirtualService kOther = udp_service(55, Tunnel{}, {at("10.0.2.12", 55)});

TEST(ServerPaths, AreThoseOfTheAddressWhateverTheMethod) {
  DirectorFixture f({kTunnel, kRouted, kOther});
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "forwarded");
  EXPECT_EQ(describe(f.handle(too_big("10.0.2.11"))), "accept no-connection");
  for (const std::uint16_t port : std::array<std::uint16_t, 2>{53, 54}) {
    EXPECT_EQ(describe(f.handle(datagram(port, 1400))), "drop fragmentation-needed");
  }
  EXPECT_EQ(describe(f.handle(datagram(55, 1400))), "forwarded");
  f.pass(std::chrono::minutes(11));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "forwarded");
}

TEST(ServerPaths, AreLearnedFromTunnelsOfTheirOwnKindOnly) {
  constexpr std::uint8_t kGre = 47;
  DirectorFixture f({kTunnel, kRouted});
  f.handle(too_big("10.0.2.11", kGre));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "forwarded");
  VirtualService gre = kTunnel;
  gre.destinations[0].method = Tunnel{.encapsulation = Encapsulation::gre};
  f.apply(diff(config_of({kTunnel, kRouted}), config_of({gre, kRouted})));
  f.handle(too_big("10.0.2.11"));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "forwarded");
  f.handle(too_big("10.0.2.11", kGre));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "drop fragmentation-needed");
}

TEST(ServerPaths, LiveAsLongAsADestinationIsThere) {
  const Config both = config_of({kTunnel, kRouted}), one = config_of({kRouted});
  DirectorFixture f(both.services);
  f.handle(too_big("10.0.2.11"));
  f.apply(diff(both, one));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "drop fragmentation-needed");
  f.apply(diff(one, both));  // a new destination knows it at once
  EXPECT_EQ(describe(f.handle(datagram(53, 1400))), "drop fragmentation-needed");
  f.pass(std::chrono::minutes(6));  // their connections are over
  f.apply(diff(both, Config{}));
  f.apply(diff(Config{}, both));
  EXPECT_EQ(describe(f.handle(datagram(54, 1400))), "forwarded");
}

// Looking at 60,000 destinations took 56 us for each; anybody can send errors that quote anything.
TEST(ServerPaths, AreFoundAmongManyInNoTime) {
  std::vector<VirtualService> services;
  for (int net = 0; net < 200; ++net) {
    std::vector<Destination> servers;
    for (int host = 1; host <= 200; ++host) {
      servers.push_back(at("10.5." + std::to_string(net) + "." + std::to_string(host), 53));
    }
    services.push_back(udp_service(static_cast<std::uint16_t>(1000 + net), Tunnel{}, servers));
  }
  DirectorFixture f(services);
  const Bytes error = too_big("10.77.0.1");
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20000; ++i) f.handle(error);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(passed.count(), 0.4);  // of 0.8 s
}

}  // namespace
}  // namespace lvsd
