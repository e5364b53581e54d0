// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/config/load.h"

namespace lvsd {
namespace {

constexpr const char* kNetwork =
    "interfaces:\n"
    "  - {name: lo, addresses: [127.0.0.1/8]}\n"
    "  - {name: eth0, mac: \"02:00:00:00:01:01\", addresses: [10.0.1.1/24]}\n"
    "  - {name: eth1, mac: \"02:00:00:00:02:01\", up: false, addresses: [10.0.2.1/24]}\n"
    "  - {name: tun0, addresses: [10.0.3.1/24]}\n"
    "routes:\n"
    "  - {to: 10.1.0.0/16, via: 10.0.1.2}\n"
    "  - {to: 10.2.0.0/16, kind: unreachable}\n"
    "  - {to: 10.4.0.0/16, dev: eth0, kind: kernel}\n";

std::vector<std::string> warnings(const std::string& text) {
  const Result<Network, Problems> network = parse_network(kNetwork);
  const Result<Config, Problems> config = parse_config(text);
  if (!network || !config) {
    ADD_FAILURE() << text;
    return {};
  }
  std::vector<std::string> out;
  for (const Problem& problem : check_against(*config, *network)) {
    EXPECT_FALSE(problem.remedy.empty());
    out.push_back(problem.path + ": " + problem.what);
  }
  return out;
}

std::vector<std::string> of_destination(const std::string& address, const std::string& method) {
  return warnings("services: [{listen: 192.0.2.10:80/tcp, method: " + method +
                  ", destinations: [{address: " + address + "}]}]");
}

using List = std::vector<std::string>;
const std::string kPath = "services[0].destinations[0].address: ";

TEST(CheckAgainst, AFittingNetworkGivesNoWarning) {
  EXPECT_EQ(of_destination("10.0.1.9", "dr"), List{});
  EXPECT_EQ(of_destination("10.1.0.1", "tun"), List{});
  EXPECT_EQ(of_destination("10.1.0.1", "nat"), List{});
  EXPECT_EQ(of_destination("10.4.0.1", "tun"), List{});
}

TEST(CheckAgainst, DirectRoutingNeedsTheRealServerOnItsNetwork) {
  EXPECT_EQ(of_destination("10.1.0.1", "dr"),
            List{kPath + "method dr needs 10.1.0.1 on a network of this host, but it is behind "
                         "10.0.1.2 on eth0"});
  EXPECT_EQ(of_destination("10.0.3.9", "dr"),
            List{kPath + "method dr needs link-layer addresses, and tun0 has none"});
  EXPECT_EQ(of_destination("10.4.0.1", "dr"),
            List{kPath + "10.4.0.1 is reached by a route that only the kernel can follow"});
}

TEST(CheckAgainst, RoutesAndLinks) {
  EXPECT_EQ(of_destination("203.0.113.1", "nat"), List{kPath + "there is no route to 203.0.113.1"});
  EXPECT_EQ(of_destination("10.2.0.1", "nat"),
            List{kPath + "the route to 10.2.0.1 is unreachable (or blackhole, prohibit)"});
  EXPECT_EQ(of_destination("10.0.2.9", "nat"),
            List{kPath + "the route to 10.0.2.9 goes by eth1, which is down"});
  EXPECT_EQ(of_destination("10.0.1.1", "dr"), List{kPath + "10.0.1.1 is an address of this host"});
}

TEST(CheckAgainst, AHairpinsAddressIsThisHosts) {
  const auto with = [](const std::string& own) {
    return warnings("services: [{listen: 192.0.2.10:80/tcp, method: nat, destinations: [], " +
                    ("hairpin: {masquerade: " + own) + "}}]");
  };
  EXPECT_EQ(with("10.0.1.1"), List{});
  EXPECT_EQ(with("10.0.1.9"),
            List{"services[0].hairpin: 10.0.1.9 is on no interface of this host"});
}

TEST(CheckAgainst, TheVirtualAddress) {
  const auto with = [](const std::string& announce, const std::string& vip) {
    return warnings("director: {announce: " + announce + "}\nservices: [{listen: " + vip +
                    ":80/tcp, destinations: []}, {listen: " + vip + ":81/tcp, destinations: []}]");
  };
  EXPECT_EQ(with("false", "192.0.2.10"),
            List{"services[0].listen: 192.0.2.10 is on no interface of this host, and "
                 "director.announce is false"});
  EXPECT_EQ(with("false", "10.0.1.1"), List{});
  EXPECT_EQ(with("true", "192.0.2.10"), List{});
  EXPECT_EQ(with("{interface: eth0}", "192.0.2.10"), List{});
  EXPECT_EQ(with("{interface: eth1}", "192.0.2.10"),
            List{"director.announce.interface: interface 'eth1' is down"});
  EXPECT_EQ(with("{interface: eth7}", "192.0.2.10"),
            List{"director.announce.interface: there is no interface 'eth7'"});
}

}  // namespace
}  // namespace lvsd
