// SPDX-License-Identifier: GPL-2.0-or-later
// Real servers as clients of a NAT service (director/hairpins.h), beyond the replay case.
#include <gtest/gtest.h>

#include "lvsd/model/hairpin.h"
#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

constexpr const char* kAsking = "10.0.2.11";
constexpr const char* kOwn = "10.0.2.1";

VirtualService hairpin(VirtualService service) {
  service.hairpin = address(kOwn);
  return service;
}

Tuple sent_tuple(const DirectorFixture& f) { return parse_packet(f.sent.at(0).packet)->tuple; }

TEST(Hairpin, APortServesOneConnectionToAServerAndServersShareThem) {
  VirtualService web = hairpin(tcp_service(80, Masquerade{}, two(80)));
  // On this host: its answers come back anyway.
  web.destinations.push_back({endpoint(kOwn, 80), Masquerade{}, Weight(1)});
  DirectorFixture f({web}, director_network(), 5000);
  ASSERT_EQ(describe(f.handle(segment(kAsking, 1, 80))), "forwarded");
  EXPECT_EQ(sent_tuple(f), (Tuple{address(kOwn), address(kAsking), Port(HairpinPorts::kFirst),
                                  Port(std::uint16_t{80}), 6}));
  ASSERT_EQ(describe(f.handle(segment(kAsking, 2, 80))), "forwarded");
  EXPECT_EQ(sent_tuple(f).source, address(kOwn));
  EXPECT_EQ(describe(f.handle(segment(kAsking, 3, 80))), "accept local-node changed");
  EXPECT_EQ(parse_packet(f.changed)->tuple.source, address(kAsking));
  ASSERT_EQ(describe(f.handle(segment("10.0.2.13", 4, 80))), "forwarded");  // serves nothing
  EXPECT_EQ(sent_tuple(f).source, address("10.0.2.13"));
}

TEST(Hairpin, WithoutAPortLeftThereIsAReason) {
  const auto servers = {to("10.0.2.12", 53), to(kAsking, 53, 0)};
  DirectorFixture f({hairpin(udp_service(53, Masquerade{}, servers))}, director_network(), 5000);
  for (std::uint16_t i = 0; i < HairpinPorts::kCount; ++i) {
    const auto port = static_cast<std::uint16_t>(1024 + i);
    ASSERT_EQ(describe(f.handle(datagram(kAsking, port, 53))), "forwarded") << port;
  }
  EXPECT_EQ(describe(f.handle(datagram(kAsking, 1000, 53))), "drop no-hairpin-port");
  EXPECT_EQ(connections(f), HairpinPorts::kCount);
  EXPECT_EQ(describe(f.handle(datagram(kClient, 1, 53))), "forwarded");  // needs none
  f.pass(seconds(302));
  EXPECT_EQ(connections(f), 0U);
  EXPECT_EQ(describe(f.handle(datagram(kAsking, 1000, 53))), "forwarded");
}

TEST(Hairpin, AReloadLeavesConnectionsAsTheyAre) {
  const VirtualService service = hairpin(tcp_service(80, Masquerade{}, two(80)));
  DirectorFixture f({service});
  ASSERT_EQ(describe(f.handle(segment(kAsking, 1, 80))), "forwarded");
  VirtualService without = service;
  without.hairpin.reset();
  f.apply(diff(config_of({service}), config_of({without})));
  ASSERT_EQ(describe(f.handle(segment(kAsking, 1, 80, kAck))), "forwarded");
  EXPECT_EQ(sent_tuple(f).source, address(kOwn));
  const Bytes answer = tcp_packet({.source = kAsking, .destination = kOwn},
                                  {.source = 80, .destination = HairpinPorts::kFirst});
  ASSERT_EQ(describe(f.handle(answer)), "forwarded");
  EXPECT_EQ(sent_tuple(f), (Tuple{address("10.0.3.100"), address(kAsking), Port(std::uint16_t{80}),
                                  Port(std::uint16_t{1}), 6}));
  ASSERT_EQ(describe(f.handle(segment(kAsking, 2, 80))), "forwarded");
  EXPECT_EQ(sent_tuple(f).source, address(kAsking));
}

}  // namespace
}  // namespace lvsd
