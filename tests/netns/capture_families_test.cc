// SPDX-License-Identifier: GPL-2.0-or-later
// What beside IPv4 addresses and ports is captured: IPv6, firewall marks, whole protocols, FTP
// data.
#include "netns/capture_live.h"

namespace lvsd::test {
namespace {

const IpAddress kVip6 = *IpAddress::parse("2001:db8:9::10");
const IpAddress kClient6 = *IpAddress::parse("2001:db8:1::2");
const IpAddress kDirector6 = *IpAddress::parse("2001:db8:1::1");
const IpAddress kServer6 = *IpAddress::parse("2001:db8:2::2");
const IpAddress kFarClient6 = *IpAddress::parse("2001:db8:ffff::9");
constexpr std::uint8_t kIcmp6 = 58, kEsp = 50, kAh = 51, kSctp = 132;

class CaptureFamilies : public CaptureLive {
 protected:
  void SetUp() override {
    CaptureLive::SetUp();
    if (IsSkipped()) return;
    for (const NetworkNamespace* where : {&lab_->client, &lab_->director, &lab_->server}) {
      where->run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0");
    }
    lab_->client.run(
        "ip addr add 2001:db8:1::2/64 dev c0 nodad; ip route add default via 2001:db8:1::1; "
        "ip neigh replace 2001:db8:1::1 lladdr 02:00:00:00:01:01 dev c0");
    lab_->server.run(
        "ip addr add 2001:db8:2::2/64 dev s0 nodad; ip route add default via 2001:db8:2::1; "
        "ip neigh replace 2001:db8:2::1 lladdr 02:00:00:00:02:01 dev s0");
    lab_->director.run(
        "ip addr add 2001:db8:1::1/64 dev d0 nodad; ip addr add 2001:db8:2::1/64 dev d1 nodad; "
        "ip addr add 2001:db8:9::10/128 dev lo");
  }

  static VirtualService service6(ServiceProtocol protocol, std::uint16_t port,
                                 ForwardingMethod method) {
    VirtualService made;
    made.key.protocol = protocol;
    made.key.listen = {kVip6, Port(port)};
    made.destinations = {
        {{kServer6, Port(port == 0 ? std::uint16_t{0} : std::uint16_t{8080})}, method, Weight(1)}};
    return made;
  }
  static CapturePlan plan6(CaptureStage stage = CaptureStage::early) {
    return plan_of({service6(ServiceProtocol::tcp, 80, Masquerade{}),
                    service6(ServiceProtocol::udp, 53, DirectRouting{}),
                    service(ServiceProtocol::udp, 53, DirectRouting{})},
                   stage);
  }
  void install(const CapturePlan& plan) const {
    const Status installed = rules_->install(plan);
    ASSERT_TRUE(installed) << installed.error().message;
  }
};

TEST_P(CaptureFamilies, TakesIpv6AsIpv4) {
  install(plan6());
  const std::vector<std::uint8_t> rest(16, 0x50);
  constexpr std::uint16_t kLater = 185;  // offset 1480, the last one
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53)}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient, kVip, udp_payload(999, 53)}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53), 0x2000}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, rest, kLater}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kDirector6, rest, kLater}), 0);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 80)}), 0);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kDirector6, tcp_syn(999, 80)}), 0);
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{1, 2, 3, 4}) {
    EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kVip6, icmp_payload(type)}), 1) << int{type};
    EXPECT_EQ(captured_of(*server_, {kIcmp6, kServer6, kFarClient6, icmp_payload(type)}), 1);
  }
  // Echo, and neighbour and router discovery.
  for (const std::uint8_t type :
       std::initializer_list<std::uint8_t>{128, 129, 133, 134, 135, 136}) {
    EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kVip6, icmp_payload(type)}), 0) << int{type};
  }
  EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kVip6, rest, kLater}), 0);
  EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kVip6, icmp_payload(128), 0x2000}), 0);
}

// At INPUT the kernel has joined the fragments of IPv4, those of IPv6 pass singly.
TEST_P(CaptureFamilies, LateStageTakesEveryIpv6Fragment) {
  install(plan6(CaptureStage::late));
  const std::vector<std::uint8_t> rest(16, 0x50);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53), 0x2000}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, rest, 185}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kDirector6, rest, 185}), 0);
  EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kVip6, rest, 185}), 0);
}

TEST_P(CaptureFamilies, Ipv6NatReplies) {
  for (const CaptureStage stage : {CaptureStage::early, CaptureStage::late}) {
    install(plan6(stage));
    const std::vector<std::uint8_t> rest(16, 0x50);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer6, kFarClient6, tcp_syn(8080, 999)}), 1);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer6, kFarClient6, tcp_syn(8081, 999)}), 0);
    EXPECT_EQ(captured_of(*server_, {kUdp, kServer6, kFarClient6, udp_payload(8080, 999)}), 0);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer6, kFarClient6, rest, 185}), 1);
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer6, kDirector6, tcp_syn(8080, 999)}), 1)
        << "INPUT";
    EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
  }
}

TEST_P(CaptureFamilies, Ipv6ComesAndGoes) {
  install(dns_plan());
  const std::string before = std::regex_replace(ruleset(), std::regex(R"(\[\d+:\d+\]|#.*)"), "");
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53)}), 0);
  ASSERT_TRUE(rules_->update(plan6()));
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53)}), 1);
  ASSERT_TRUE(rules_->update(dns_plan()));
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53)}), 0);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient, kVip, udp_payload(999, 53)}), 1);
  ASSERT_TRUE(rules_->update(plan6()));
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
  ASSERT_TRUE(rules_->remove());
  const std::string left = ruleset() + *run_tool({"ipset", "list", "-n"});
  EXPECT_EQ(left.find("LVSD"), std::string::npos) << left;
  EXPECT_EQ(left.find("lvsd"), std::string::npos) << left;
}

TEST_P(CaptureFamilies, RestoresIpv6RulesThatOthersWipe) {
  if (GetParam().name == kOwned.name) GTEST_SKIP() << "others cannot wipe these";
  install(plan6());
  run(rules_->backend() == "nft" ? "nft flush ruleset"
                                 : "ip6tables -t raw -F; ip6tables -t mangle -F OUTPUT");
  bool restored = false;
  ASSERT_TRUE(rules_->check(restored));
  EXPECT_TRUE(restored);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
  ASSERT_TRUE(rules_->check(restored));
  EXPECT_FALSE(restored);
}

TEST_P(CaptureFamilies, WholeProtocols) {
  VirtualService ike = service6(ServiceProtocol::udp, 500, DirectRouting{});
  install(plan_of({service6(ServiceProtocol::tcp, 0, Masquerade{}), ike,
                   service(ServiceProtocol::udp, 0, Masquerade{})}));
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 80, 65535}) {
    EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, port)}), 1) << port;
    EXPECT_EQ(captured_of(*client_, {kUdp, kClient, kVip, udp_payload(999, port)}), 1) << port;
    EXPECT_EQ(captured_of(*server_, {kTcp, kServer6, kFarClient6, tcp_syn(port, 999)}), 1) << port;
  }
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient, kVip, tcp_syn(999, 80)}), 0);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 53)}), 0);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient6, kVip6, udp_payload(999, 500)}), 1);
  const std::vector<std::uint8_t> sealed{59, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
                                         0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(captured_of(*client_, {kEsp, kClient6, kVip6, sealed}), 1);
  EXPECT_EQ(captured_of(*client_, {kAh, kClient6, kVip6, sealed}), 1);
  EXPECT_EQ(captured_of(*client_, {kEsp, kClient, kVip, sealed}), 1);
  EXPECT_EQ(captured_of(*client_, {kAh, kClient, kVip, sealed}), 1);
  EXPECT_EQ(captured_of(*client_, {kEsp, kClient6, kDirector6, sealed}), 0);
  EXPECT_EQ(captured_of(*client_, {kIcmp, kClient, kVip, icmp_payload(8)}), 0);
}

TEST_P(CaptureFamilies, FtpData) {
  VirtualService ftp = service(ServiceProtocol::tcp, 21, Masquerade{});
  install(plan_of({ftp}));
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{20, 21, 1024, 65535}) {
    EXPECT_EQ(captured_of(*client_, {kTcp, kClient, kVip, tcp_syn(999, port)}), 1) << port;
  }
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient, kVip, tcp_syn(999, 80)}), 0);
  EXPECT_EQ(captured_of(*server_, {kTcp, kServer, kFarClient, tcp_syn(20, 999)}), 1);
  EXPECT_EQ(captured_of(*server_, {kTcp, kServer, kFarClient, tcp_syn(4711, 999)}), 1);
}

TEST_P(CaptureFamilies, MarksOfTheHostsOwnRules) {
  CapturePlan plan = plan6();
  plan.v4.marks = {7};
  plan.v6.marks = {7, 8};
  plan.v4.sctp = plan.v6.sctp = plan.v4.every_icmp_error = plan.v6.every_icmp_error = true;
  run("for t in iptables ip6tables; do $t -t mangle -A PREROUTING -p tcp --dport 443 -j MARK "
      "--set-mark 7; $t -t mangle -A PREROUTING -p sctp -j MARK --set-mark 7; "
      "$t -t mangle -A PREROUTING -p udp --dport 443 -j MARK --set-mark 9; done");
  install(plan);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient, kFarClient, tcp_syn(999, 443)}), 1);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kFarClient6, tcp_syn(999, 443)}), 1);
  EXPECT_EQ(captured_of(*client_, {kSctp, kClient, kDirector, tcp_syn(999, 443)}), 1);
  EXPECT_EQ(captured_of(*client_, {kSctp, kClient6, kDirector6, tcp_syn(999, 443)}), 1);
  EXPECT_EQ(captured_of(*client_, {kUdp, kClient, kFarClient, udp_payload(999, 443)}), 0);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient, kFarClient, tcp_syn(999, 80)}), 0);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
  EXPECT_EQ(captured_of(*client_, {kIcmp6, kClient6, kFarClient6, icmp_payload(1)}), 1);
  ASSERT_TRUE(rules_->update(plan6()));
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kFarClient6, tcp_syn(999, 443)}), 0);
  EXPECT_EQ(captured_of(*client_, {kTcp, kClient6, kVip6, tcp_syn(999, 80)}), 1);
}

// A reply of a real server that is a process on the director.
TEST_P(CaptureFamilies, RepliesOfTheDirectorsOwnProcesses) {
  if (GetParam().name == kNftDrop.name) GTEST_SKIP() << "a drop at OUTPUT fails the sender";
  VirtualService local = service(ServiceProtocol::tcp, 80, Masquerade{});
  local.destinations[0].endpoint = {kDirector, Port(8080)};
  install(plan_of({local}));
  const RawSender own(lab_->director);
  EXPECT_EQ(captured_of(own, {kTcp, kDirector, kClient, tcp_syn(8080, 999)}), 1);
  EXPECT_EQ(captured_of(own, {kTcp, kDirector, kClient, tcp_syn(8081, 999)}), 0);
}

INSTANTIATE_TEST_SUITE_P(Ways, CaptureFamilies,
                         ::testing::Values(kOwned, kIptables, kNoSets, kLegacy, kNft, kNftDrop),
                         [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace lvsd::test
