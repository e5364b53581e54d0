// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/config/load.h"

namespace lvsd {
namespace {

Network parsed(const std::string& text) {
  const Result<Network, Problems> network = parse_network(text);
  if (network) return *network;
  for (const Problem& problem : network.error().list) ADD_FAILURE() << to_string(problem, "F");
  return Network({});
}

void expect_equal(const Network& a, const Network& b) {
  EXPECT_EQ(a.interfaces(), b.interfaces());
  EXPECT_EQ(a.routes(), b.routes());
  EXPECT_EQ(a.rules(), b.rules());
  EXPECT_EQ(a.neighbors(), b.neighbors());
  EXPECT_EQ(a.assumes_neighbors(), b.assumes_neighbors());
}

IpAddress address(const char* text) { return *IpAddress::parse(text); }

constexpr const char* kDesign =
    "interfaces:\n"
    "  - {name: eth0, mac: \"02:00:00:00:01:01\", mtu: 1500, addresses: [10.0.1.1/24, "
    "\"fd00:1::1/64\"]}\n"
    "  - {name: eth1, mac: \"02:00:00:00:02:01\", mtu: 1500, addresses: [10.0.2.1/24]}\n"
    "routes:\n"
    "  - {to: 10.1.0.0/16, via: 10.0.1.2}\n"
    "neighbors:\n"
    "  - {address: 10.0.2.11, mac: \"02:00:00:00:02:11\", dev: eth1}\n";

TEST(NetworkFile, OfTheDesign) {
  const Network network = parsed(kDesign);
  ASSERT_EQ(network.interfaces().size(), 2U);
  EXPECT_EQ(network.interfaces()[1].mtu, 1500U);
  EXPECT_TRUE(network.interfaces()[1].up);
  const std::optional<NextHop> behind = network.route(address("10.1.2.3"));
  ASSERT_TRUE(behind);
  EXPECT_EQ(to_string(behind->gateway), "10.0.1.2");
  EXPECT_EQ(network.interface(behind->interface)->name, "eth0");
  EXPECT_TRUE(network.is_local(address("fd00:1::1")));
  const InterfaceIndex eth1 = network.interface("eth1")->index;
  ASSERT_TRUE(network.neighbor(eth1, address("10.0.2.11")));
  EXPECT_EQ(to_string(*network.neighbor(eth1, address("10.0.2.11"))), "02:00:00:00:02:11");
}

constexpr const char* kRich =
    "interfaces:\n"
    "  - {name: lo, mtu: 65536, addresses: [127.0.0.1/8, 192.0.2.10/32]}\n"
    "  - {name: \"veth@if3\", index: 117, mac: \"02:00:00:00:01:01\", addresses: [10.0.1.1/24]}\n"
    "  - {name: eth1, mac: \"02:00:00:00:02:01\", mtu: 9000, up: false, addresses: [10.0.2.1/24]}\n"
    "  - {name: \"null\", loopback: true, addresses: []}\n"
    "routes:\n"
    "  - {to: default, via: 10.0.1.254, source: 10.0.1.1, metric: 100}\n"
    "  - {to: 10.7.0.0/16, dev: eth1, mtu: 1400}\n"
    "  - {to: default, via: 10.0.2.254, table: 100}\n"
    "  - {to: 10.8.0.0/16, kind: unreachable}\n"
    "  - {to: 10.9.0.0/16, dev: eth1, kind: kernel}\n"
    "  - {to: \"::/0\", via: \"fe80::1\", dev: eth1}\n"
    "  - {to: 198.51.100.0/24, kind: local, dev: lo, table: local}\n"
    "rules:\n"
    "  - {priority: 0, table: local}\n"
    "  - {priority: 50, from: 10.0.2.0/24, to: default, table: 100}\n"
    "  - {priority: 32766, table: main}\n"
    "neighbors:\n"
    "  - {address: 10.0.1.254, mac: \"02:00:00:00:01:fe\"}\n"
    "  - {address: \"fe80::1\", mac: \"02:00:00:00:02:fe\", dev: eth1}\n";

TEST(NetworkFile, EveryKeyIsTaken) {
  const Network network = parsed(kRich);
  EXPECT_TRUE(network.interface("lo")->loopback);
  EXPECT_EQ(static_cast<unsigned>(network.interface("veth@if3")->index), 117U);
  EXPECT_EQ(static_cast<unsigned>(network.interface("eth1")->index), 3U);
  EXPECT_FALSE(network.interface("eth1")->up);
  EXPECT_TRUE(network.interface("null")->loopback);
  ASSERT_EQ(network.routes().size(), 7U);
  EXPECT_EQ(network.routes()[0].metric, 100U);
  EXPECT_EQ(to_string(network.routes()[0].source.value()), "10.0.1.1");
  EXPECT_EQ(network.routes()[1].mtu, 1400U);
  EXPECT_EQ(network.routes()[2].table, 100U);
  EXPECT_EQ(network.routes()[3].kind, RouteKind::unreachable);
  EXPECT_EQ(network.routes()[4].kind, RouteKind::kernel);
  EXPECT_EQ(network.routes()[6].table, 255U);
  ASSERT_EQ(network.rules().size(), 3U);
  EXPECT_EQ(network.rules()[1].from, Prefix::parse("10.0.2.0/24"));
  EXPECT_EQ(network.rules()[1].to, Prefix::parse("0.0.0.0/0"));
  EXPECT_EQ(network.neighbors().size(), 2U);
}

TEST(NetworkFile, ShownParsesBackToTheSame) {
  for (const char* text : {kDesign, kRich, "interfaces: []\n"}) {
    const Network network = parsed(text);
    const std::string shown = show_network(network);
    expect_equal(parsed(shown), network);
    EXPECT_EQ(show_network(parsed(shown)), shown);
  }
  const Network assumed = Network::assumed();
  expect_equal(parsed(show_network(assumed)), assumed);
}

TEST(NetworkFile, ShowsOnlyWhatWasNotDerived) {
  EXPECT_EQ(show_network(parsed(kDesign)),
            "interfaces:\n"
            "  - {name: eth0, mac: \"02:00:00:00:01:01\", mtu: 1500, addresses: [10.0.1.1/24, "
            "\"fd00:1::1/64\"]}\n"
            "  - {name: eth1, mac: \"02:00:00:00:02:01\", mtu: 1500, addresses: [10.0.2.1/24]}\n"
            "routes:\n"
            "  - {to: 10.1.0.0/16, via: 10.0.1.2, dev: eth0}\n"
            "neighbors:\n"
            "  - {address: 10.0.2.11, mac: \"02:00:00:00:02:11\", dev: eth1}\n");
}

Network::Parts live_parts() {
  Network::Parts parts;
  Interface eth0;
  eth0.index = InterfaceIndex{1};
  eth0.name = "eth0";
  eth0.mac = Mac::parse("02:00:00:00:01:01");
  eth0.addresses = {{address("10.0.1.1"), 24}};
  parts.interfaces = {eth0};
  parts.complete_routes = true;
  return parts;
}

TEST(NetworkFile, ALiveNetworkLeavesOutItsConnectedRoutes) {
  Network::Parts parts = live_parts();
  Route connected;
  connected.to = *Prefix::parse("10.0.1.0/24");
  connected.interface = InterfaceIndex{1};
  connected.source = address("10.0.1.1");
  parts.routes = {connected};
  const std::string shown = show_network(Network(parts));
  EXPECT_EQ(shown.find("routes"), std::string::npos) << shown;
  EXPECT_TRUE(parsed(shown).route(address("10.0.1.9")));
}

TEST(NetworkFile, ALiveNetworkWithoutItsConnectedRouteSaysSo) {
  const Network network{live_parts()};
  ASSERT_FALSE(network.route(address("10.0.1.9")));
  const std::string shown = show_network(network);
  EXPECT_NE(shown.find("complete_routes: true\n"), std::string::npos) << shown;
  EXPECT_FALSE(parsed(shown).route(address("10.0.1.9")));
}

}  // namespace
}  // namespace lvsd
