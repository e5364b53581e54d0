// SPDX-License-Identifier: GPL-2.0-or-later
// What the director decides where families meet; the bytes are judged by the replay cases.
#include <gtest/gtest.h>

#include "lvsd/forward/icmp_error.h"
#include "support/director_fixture.h"
#include "unit/director_families.h"

namespace lvsd {
namespace {

using namespace test;

constexpr std::uint16_t kPort = 53;

VirtualService v6_service(const ForwardingMethod& method, std::string_view server) {
  VirtualService service = udp_service(kPort, method, {{endpoint(server, kPort), {}, Weight(1)}});
  service.key.listen.address = address("fd00:3::100");
  return service;
}

Bytes datagram_v6(std::size_t payload) {
  Bytes out = {std::byte{0x60}, std::byte{0}, std::byte{0}, std::byte{0}};
  const auto put16 = [&out](std::size_t value) {
    out.push_back(std::byte(value >> 8U));
    out.push_back(std::byte(value & 0xffU));
  };
  put16(8 + payload);
  out.insert(out.end(), {std::byte{17}, std::byte{64}});
  for (const char* text : {"fd00:c::1", "fd00:3::100"}) {
    for (const std::uint8_t byte : address(text).bytes()) out.push_back(std::byte{byte});
  }
  put16(4000);
  put16(kPort);
  put16(8 + payload);
  put16(0xabcd);
  out.resize(out.size() + payload);
  return out;
}

TEST(DirectorIpv6Test, OnlyTunnelsChangeTheFamily) {
  DirectorFixture tunnel({v6_service(Tunnel{}, "10.0.2.11")}, both_families());
  EXPECT_EQ(describe(tunnel.handle(datagram_v6(10))), "forwarded");
  ASSERT_EQ(tunnel.sent.size(), 1U);
  EXPECT_EQ(tunnel.sent[0].packet.size(), 20U + 58U);
  for (const ForwardingMethod& method : {ForwardingMethod{DirectRouting{}}, {Masquerade{}}}) {
    DirectorFixture other({v6_service(method, "10.0.2.11")}, both_families());
    EXPECT_EQ(describe(other.handle(datagram_v6(10))), "drop no-route");
    ASSERT_EQ(other.sent.size(), 1U);  // "address unreachable"
    EXPECT_EQ(other.sent[0].packet[40], std::byte{1});
    EXPECT_EQ(other.sent[0].packet[41], std::byte{3});
  }
}

TEST(DirectorIpv6Test, ATunnelNeedsAnAddressOfItsFamily) {
  Network::Parts parts = both_families();
  for (Interface& interface : parts.interfaces)
    std::erase_if(interface.addresses, [](const auto& own) { return !own.address.is_v4(); });
  Route servers;
  servers.to = *Prefix::parse("fd00:2::/64");
  servers.interface = InterfaceIndex{2};
  parts.routes.push_back(servers);
  DirectorFixture f({v6_service(Tunnel{}, "fd00:2::11")}, std::move(parts));
  EXPECT_EQ(describe(f.handle(datagram_v6(10))), "drop no-route");
}

TEST(DirectorIpv6Test, ATunnelOverIpv6NeedsItsSmallestMtu) {
  Network::Parts parts = both_families();
  parts.interfaces[1].mtu = 1319;  // one less than 1280 and the outer header
  DirectorFixture small({v6_service(Tunnel{}, "fd00:2::11")}, parts);
  EXPECT_EQ(describe(small.handle(datagram_v6(10))), "drop mtu-too-small");
  EXPECT_TRUE(small.sent.empty());
  parts.interfaces[1].mtu = 1320;
  DirectorFixture enough({v6_service(Tunnel{}, "fd00:2::11")}, parts);
  EXPECT_EQ(describe(enough.handle(datagram_v6(1280 - 48))), "forwarded");
  EXPECT_EQ(describe(enough.handle(datagram_v6(1280 - 47))), "drop fragmentation-needed");
}

// Anybody can send an error that says so: below IPv6's minimum it must not choke the tunnel.
TEST(DirectorIpv6Test, AForgedPacketTooBigTakesNoMoreThanTheMinimum) {
  DirectorFixture f({v6_service(Tunnel{}, "fd00:2::11")}, both_families());
  EXPECT_EQ(describe(f.handle(datagram_v6(1400))), "forwarded");
  ASSERT_EQ(f.sent.size(), 1U);
  const Bytes outer = f.sent[0].packet;
  for (const std::uint32_t mtu : {0U, 68U, 1000U, 1279U}) {
    Emissions memory;
    f.handle(make_icmp_error(memory, {.code = icmp::kFragmentationNeeded, .mtu = mtu},
                             address("fd00:2::2"), address("fd00:2::1"), outer, 1));
    EXPECT_EQ(describe(f.handle(datagram_v6(1280 - 48))), "forwarded") << mtu;
    ASSERT_FALSE(f.sent.empty());
    EXPECT_EQ(describe(f.handle(datagram_v6(1280 - 47))), "drop fragmentation-needed") << mtu;
  }
}

TEST(DirectorIpv6Test, AllPacketsOfAConnectionHaveOneGuePort) {
  const Tunnel gue{Encapsulation::gue, Port(std::uint16_t{6080}), TunnelChecksum::none};
  DirectorFixture f({v6_service(gue, "fd00:2::11")}, both_families());
  std::vector<Bytes> ports;
  for (const std::size_t payload : {10U, 700U}) {
    f.handle(datagram_v6(payload));
    ASSERT_EQ(f.sent.size(), 1U);
    const Bytes& packet = f.sent[0].packet;
    ports.emplace_back(packet.begin() + 40, packet.begin() + 42);
    EXPECT_GE(std::to_integer<unsigned>(packet[40]), 0x80U);
  }
  EXPECT_EQ(ports[0], ports[1]);
}

}  // namespace
}  // namespace lvsd
