// SPDX-License-Identifier: GPL-2.0-or-later
// NetworkMonitor and NeighborProber against a kernel.
#include <fstream>

#include "live_network.h"

namespace lvsd {
namespace {

using LiveMonitor = testing::LiveNetwork;
using LiveProber = testing::LiveNetwork;
using std::chrono::seconds;

const IpAddress kPeer(10, 0, 0, 2);
const Mac kPeerMac({2, 0, 0, 0, 0, 2});

std::optional<Mac> neighbor(const Network& network, const IpAddress& address) {
  const Interface* eth0 = network.interface("eth0");
  return eth0 == nullptr ? std::nullopt : network.neighbor(eth0->index, address);
}

TEST_F(LiveMonitor, DumpsWhatIsThere) {
  run("ip route add 10.1.0.0/16 via 10.0.0.2 metric 7 mtu lock 1300");
  run("ip route add 10.2.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.0.3");
  run("ip route add unreachable 10.3.0.0/16");
  run("ip route add 10.4.0.0/16 via 10.0.0.9 table 1000");
  run("ip rule add from 10.0.0.77 lookup 1000 priority 100");
  run("ip neighbor add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0");
  NetworkMonitor monitor;
  const auto network = monitor.network();
  const Interface* eth0 = network->interface("eth0");
  ASSERT_NE(eth0, nullptr);
  EXPECT_EQ(eth0->mac, Mac::parse("02:00:00:00:00:01"));
  EXPECT_EQ(eth0->mtu, 1500U);
  ASSERT_FALSE(eth0->addresses.empty());
  EXPECT_EQ(eth0->addresses[0], (InterfaceAddress{IpAddress(10, 0, 0, 1), 24}));
  EXPECT_TRUE(network->interface("lo")->loopback);
  EXPECT_FALSE(network->interface("lo")->mac);
  EXPECT_TRUE(network->is_local(IpAddress(10, 0, 0, 1)));
  EXPECT_TRUE(network->is_local(IpAddress(127, 9, 9, 9)));
  EXPECT_FALSE(network->is_local(kPeer));
  const auto via = network->route(IpAddress(10, 1, 2, 3));
  ASSERT_TRUE(via);
  EXPECT_EQ(via->gateway, kPeer);
  EXPECT_EQ(via->interface, eth0->index);
  EXPECT_EQ(via->mtu, 1300U);
  EXPECT_EQ(network->route(IpAddress(10, 2, 0, 1))->kind, RouteKind::kernel);
  EXPECT_EQ(network->route(IpAddress(10, 3, 0, 1))->kind, RouteKind::unreachable);
  EXPECT_FALSE(network->route(IpAddress(10, 4, 0, 1)));
  const auto ruled = network->route(IpAddress(10, 4, 0, 1), IpAddress(10, 0, 0, 77));
  ASSERT_TRUE(ruled);
  EXPECT_EQ(ruled->gateway, IpAddress(10, 0, 0, 9));
  EXPECT_EQ(neighbor(*network, IpAddress(10, 0, 0, 9)), Mac::parse("02:00:00:00:00:09"));
}

TEST_F(LiveMonitor, FollowsEveryKindOfChange) {
  NetworkMonitor monitor;
  const IpAddress far(10, 1, 0, 1), own(192, 0, 2, 1);
  run("ip route add 10.1.0.0/16 via 10.0.0.2");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return n.route(far).has_value(); }));
  run("ip route replace 10.1.0.0/16 via 10.0.0.3");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.route(far) && n.route(far)->gateway == IpAddress(10, 0, 0, 3);
  }));
  run("ip route replace blackhole 10.1.0.0/16");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.route(far) && n.route(far)->kind == RouteKind::unreachable;
  }));
  run("ip address add 192.0.2.1/32 dev lo");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return n.is_local(own); }));
  run("ip address del 192.0.2.1/32 dev lo");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return !n.is_local(own); }));
  run("ip rule add to 10.9.0.0/16 prohibit");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    const auto hop = n.route(IpAddress(10, 9, 0, 1));
    return hop && hop->kind == RouteKind::unreachable;
  }));
  run("ip neighbor add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0");
  const IpAddress nine(10, 0, 0, 9);
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return neighbor(n, nine).has_value(); }));
  run("ip neighbor change 10.0.0.9 lladdr 02:00:00:00:00:0a dev eth0");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return neighbor(n, nine) == Mac::parse("02:00:00:00:00:0a");
  }));
  run("ip neighbor del 10.0.0.9 dev eth0");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return !neighbor(n, nine); }));
  run("ip link set eth0 mtu 1400 address 02:00:00:00:00:77");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.interface("eth0")->mtu == 1400 &&
           n.interface("eth0")->mac == Mac::parse("02:00:00:00:00:77");
  }));
}

// The kernel deletes IPv4 routes of a link that goes down without saying so.
TEST_F(LiveMonitor, RoutesGoWithTheirLinkAndConnectedOnesCanBeDeleted) {
  run("ip route add 10.1.0.0/16 via 10.0.0.2");
  NetworkMonitor monitor;
  EXPECT_TRUE(monitor.network()->route(IpAddress(10, 1, 0, 1)));
  run("ip route del 10.0.0.0/24 dev eth0");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return !n.route(kPeer); }));
  run("ip link set eth0 down");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return !n.interface("eth0")->up && !n.route(IpAddress(10, 1, 0, 1));
  }));
  run("ip link set eth0 up");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.interface("eth0")->up && n.route(kPeer).has_value();
  }));
  run("ip link del eth0");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.interface("eth0") == nullptr && !n.route(kPeer);
  }));
}

TEST_F(LiveMonitor, NextHopObjects) {
  run("ip nexthop add id 1 via 10.0.0.2 dev eth0");
  run("ip route add 10.1.0.0/16 nhid 1");
  NetworkMonitor monitor;
  const IpAddress far(10, 1, 0, 1);
  ASSERT_TRUE(monitor.network()->route(far));
  EXPECT_EQ(monitor.network()->route(far)->gateway, kPeer);
  run("ip nexthop replace id 1 via 10.0.0.3 dev eth0");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) {
    return n.route(far) && n.route(far)->gateway == IpAddress(10, 0, 0, 3);
  }));
  run("ip nexthop del id 1");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return !n.route(far); }));
}

TEST_F(LiveMonitor, NothingNewWhereNothingChangedForUs) {
  run("ip neighbor add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud reachable");
  run("ip link set eth0 group 5");  // until here: what the set-up still had to tell
  NetworkMonitor monitor;
  eventually(
      monitor, [](const Network&) { return false; }, seconds(3));  // IPv6 settles its addresses
  const auto before = monitor.network();
  run("ip neighbor change 10.0.0.9 dev eth0 nud stale");
  run("ip link set eth0 group 6");
  pollfd ready{.fd = monitor.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ready, 1, 1000), 1);
  EXPECT_FALSE(monitor.process());
  EXPECT_EQ(monitor.network(), before);
}

// More changes than the socket holds while nobody reads: the picture afterwards is the kernel's.
TEST_F(LiveMonitor, RecoversFromAnOverrun) {
  // Permanent entries, which no limit on the size of the table removes.
  run("ip address add 10.8.0.1/16 dev eth0");
  NetworkMonitor monitor;
  char name[] = "/tmp/lvsd-batch-XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  close(fd);
  {
    std::ofstream batch(name);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 8192; ++i) {
        batch << "neighbor replace 10.8." << (i >> 8) << "." << (i & 255)
              << " dev eth0 lladdr 02:00:00:"
              << "0" << round << ":0" << (i >> 12) << ":01\n";
      }
    }
    batch << "neighbor del 10.8.0.77 dev eth0\n";
  }
  run(std::string("ip -batch ") + name);
  unlink(name);
  EXPECT_TRUE(eventually(
      monitor,
      [](const Network& n) {
        return neighbor(n, IpAddress(10, 8, 0, 78)) == Mac::parse("02:00:00:02:00:01") &&
               neighbor(n, IpAddress(10, 8, 31, 255)) == Mac::parse("02:00:00:02:01:01") &&
               !neighbor(n, IpAddress(10, 8, 0, 77));
      },
      seconds(10)));
  std::size_t latest = 0;
  for (const Neighbor& held : monitor.network()->neighbors()) {
    latest += held.mac.bytes()[3] == 2 ? 1U : 0U;
  }
  EXPECT_EQ(latest, 8191U);
}

TEST_F(LiveProber, ResolvesAndRefreshes) {
  NetworkMonitor monitor;
  NeighborProber prober;
  const InterfaceIndex eth0 = index_of(monitor, "eth0");
  EXPECT_FALSE(neighbor(*monitor.network(), kPeer));
  prober.resolve(eth0, kPeer);
  EXPECT_TRUE(eventually(monitor, [](const Network& n) { return neighbor(n, kPeer) == kPeerMac; }));
  run("ip neighbor change 10.0.0.2 dev eth0 nud stale");
  prober.refresh(eth0, kPeer);
  bool reachable = false;
  for (int i = 0; i < 100 && !reachable; ++i) {
    usleep(20000);
    reachable = output("ip neighbor show 10.0.0.2").find("REACHABLE") != std::string::npos;
  }
  EXPECT_TRUE(reachable) << output("ip neighbor show");
}

// The whole of what an issue asks: the MAC changes without a word, and is found by probing.
TEST_F(LiveProber, FindsAMacThatChangedSilently) {
  NetworkMonitor monitor;
  NeighborProber prober;
  const InterfaceIndex eth0 = index_of(monitor, "eth0");
  prober.resolve(eth0, kPeer);
  ASSERT_TRUE(eventually(monitor, [](const Network& n) { return neighbor(n, kPeer) == kPeerMac; }));
  run_in_peer("ip link set eth0 arp off");  // no announcement of the new one
  run_in_peer("ip link set eth0 address 02:00:00:00:00:22");
  run_in_peer("ip link set eth0 arp on");
  monitor.process();
  EXPECT_EQ(neighbor(*monitor.network(), kPeer), kPeerMac);
  prober.refresh(eth0, kPeer);
  // Three unicast probes, a second apart, and the kernel gives up on the old MAC.
  EXPECT_TRUE(eventually(
      monitor, [](const Network& n) { return !neighbor(n, kPeer); }, seconds(6)));
  prober.resolve(eth0, kPeer);
  EXPECT_TRUE(eventually(monitor, [](const Network& n) {
    return neighbor(n, kPeer) == Mac::parse("02:00:00:00:00:22");
  }));
}

TEST_F(LiveProber, LeavesPermanentAndForeignEntriesAlone) {
  run("ip neighbor add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent");
  run("ip neighbor add 10.0.0.10 lladdr 02:00:00:00:00:0a dev eth0 nud noarp");
  run("ip neighbor add 10.0.0.11 lladdr 02:00:00:00:00:0b dev eth0 nud reachable extern_learn");
  NetworkMonitor monitor;
  NeighborProber prober;
  const InterfaceIndex eth0 = index_of(monitor, "eth0");
  for (const std::uint8_t last : std::initializer_list<std::uint8_t>{9, 10, 11}) {
    prober.refresh(eth0, IpAddress(10, 0, 0, last));
    prober.resolve(eth0, IpAddress(10, 0, 0, last));
  }
  prober.refresh(eth0, IpAddress(10, 0, 0, 200));                  // unknown: stays unknown
  prober.resolve(InterfaceIndex{9999}, IpAddress(10, 0, 0, 201));  // no such interface
  prober.resolve(eth0, kPeer);  // carried out in order: when this one shows, the others are through
  ASSERT_TRUE(eventually(monitor, [](const Network& n) { return neighbor(n, kPeer) == kPeerMac; }));
  const std::string table = output("ip neighbor show");
  EXPECT_NE(table.find("10.0.0.9 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT"), std::string::npos)
      << table;
  EXPECT_NE(table.find("10.0.0.11 dev eth0 lladdr 02:00:00:00:00:0b extern_learn"),
            std::string::npos)
      << table;
  EXPECT_EQ(table.find("PROBE"), std::string::npos) << table;
  EXPECT_EQ(table.find("10.0.0.200"), std::string::npos) << table;
  EXPECT_NE(output("ip neighbor show nud noarp").find("10.0.0.10 dev eth0"), std::string::npos);
}

TEST_F(LiveProber, Ipv6) {
  run("ip address add 2001:db8::1/64 dev eth0 nodad");
  run_in_peer("ip address add 2001:db8::2/64 dev eth0 nodad");
  NetworkMonitor monitor;
  NeighborProber prober;
  const IpAddress peer = *IpAddress::parse("2001:db8::2");
  EXPECT_TRUE(eventually(monitor, [&](const Network& n) { return n.route(peer).has_value(); }));
  prober.resolve(index_of(monitor, "eth0"), peer);
  // Solicitations leave from the link-local address, which is tentative for a second or two.
  EXPECT_TRUE(eventually(
      monitor, [&](const Network& n) { return neighbor(n, peer) == kPeerMac; }, seconds(6)));
}

}  // namespace
}  // namespace lvsd
