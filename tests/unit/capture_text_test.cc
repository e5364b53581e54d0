// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/capture_text.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvsd {
namespace {

VirtualService service(ServiceKey key, std::vector<Destination> destinations) {
  VirtualService made;
  made.name = to_string(key);
  made.key = key;
  made.destinations = std::move(destinations);
  return made;
}

Endpoint endpoint(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}

const ServiceKey kWeb{ServiceProtocol::tcp, endpoint("192.0.2.10", 80)};
const ServiceKey kDns{ServiceProtocol::udp, endpoint("192.0.2.10", 53)};

Config mixed_config() {
  Config config;
  config.startup.overload = Overload::drop;
  config.startup.queue = 7;
  config.services = {
      service(kWeb, {{endpoint("10.0.0.11", 8080), Masquerade{}, Weight(1)},
                     {endpoint("10.0.0.12", 80), DirectRouting{}, Weight(1)}}),
      service(kDns, {{endpoint("10.0.0.11", 53), Masquerade{}, Weight(1)}}),
  };
  return config;
}

Config direct_config() {
  Config config;
  config.startup.overload = Overload::drop;
  config.services = {service(kWeb, {{endpoint("10.0.0.12", 80), DirectRouting{}, Weight(1)}})};
  return config;
}

std::size_t count(const std::string& text, std::string_view word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++found;
  }
  return found;
}

std::size_t rule_count(const CapturePlan& plan) {
  std::size_t rules = 0;
  for (const auto& chain : iptables_chains(plan, IpFamily::v4, {})) rules += chain.rules.size();
  return rules;
}

TEST(CapturePlan, ListsEachThingOnceAndSorted) {
  Config config = mixed_config();
  std::swap(config.services[0], config.services[1]);
  const CapturePlan plan = make_capture_plan(config);
  EXPECT_EQ(plan, make_capture_plan(mixed_config()));
  EXPECT_EQ(plan.queue, 7);
  EXPECT_EQ(plan.v4.requests.ports, (std::vector<ServiceKey>{kWeb, kDns}));
  EXPECT_EQ(plan.v4.requests.addresses, std::vector<IpAddress>{kWeb.listen.address});
  EXPECT_EQ(plan.v4.replies.ports,
            (std::vector<ServiceKey>{{ServiceProtocol::tcp, endpoint("10.0.0.11", 8080)},
                                     {ServiceProtocol::udp, endpoint("10.0.0.11", 53)}}));
  EXPECT_EQ(plan.v4.replies.addresses, std::vector<IpAddress>{*IpAddress::parse("10.0.0.11")});
}

TEST(CapturePlan, TakesEveryIcmpErrorOnlyForNatAndTunnels) {
  EXPECT_FALSE(make_capture_plan(direct_config()).v4.every_icmp_error);
  EXPECT_TRUE(make_capture_plan(mixed_config()).v4.every_icmp_error);
  Config tunnel = direct_config();
  tunnel.services[0].destinations[0].method = Tunnel{};
  EXPECT_TRUE(make_capture_plan(tunnel).v4.every_icmp_error);
  EXPECT_TRUE(make_capture_plan(tunnel).v4.replies.ports.empty());
}

TEST(CapturePlan, DestinationWithoutPortUsesTheServices) {
  Config config = direct_config();
  config.services[0].destinations = {{endpoint("10.0.0.12", 0), Masquerade{}, Weight(1)}};
  EXPECT_EQ(make_capture_plan(config).v4.replies.ports.at(0).listen, endpoint("10.0.0.12", 80));
}

TEST(IptablesText, EarlyStageHasRequestsAndRepliesInRaw) {
  const auto chains = iptables_chains(make_capture_plan(mixed_config()), IpFamily::v4, {});
  ASSERT_EQ(chains.size(), 3U);
  EXPECT_EQ(chains[1].table, "raw");
  EXPECT_EQ(chains[1].jump(), "PREROUTING -j LVSD");
  const std::string queue = " -j NFQUEUE --queue-num 7", streams = " -j NFQUEUE --queue-num 8";
  EXPECT_EQ(chains[1].rules, (std::vector<std::string>{
                                 "-m pkttype ! --pkt-type unicast -j RETURN",
                                 "-p tcp -f -m set --match-set lvsd-addresses4 dst" + queue,
                                 "-p udp -f -m set --match-set lvsd-addresses4 dst" + queue,
                                 "-p icmp -m icmp --icmp-type 3" + queue,
                                 "-p icmp -m icmp --icmp-type 4" + queue,
                                 "-p icmp -m icmp --icmp-type 11" + queue,
                                 "-p tcp -m set --match-set lvsd-services4 dst,dst" + streams,
                                 "! -p tcp -m set --match-set lvsd-services4 dst,dst" + queue,
                                 "-m addrtype --dst-type LOCAL -j RETURN",
                                 "-p tcp -f -m set --match-set lvsd-nat-addresses4 src" + queue,
                                 "-p udp -f -m set --match-set lvsd-nat-addresses4 src" + queue,
                                 "-p tcp -m set --match-set lvsd-nat-sources4 src,src" + streams,
                                 "! -p tcp -m set --match-set lvsd-nat-sources4 src,src" + queue,
                             }));
  // Replies to the director's own sockets, and those of its own processes.
  const std::vector<std::string> replies{"-m set --match-set lvsd-nat-sources4 src,src" + queue};
  EXPECT_EQ(chains[0].table + ' ' + chains[0].jump(), "security INPUT -j LVSD");
  ASSERT_EQ(chains[0].rules.size(), 2U);
  EXPECT_EQ(chains[0].rules[0], "-p tcp -m cgroup --path / -j RETURN");  // they have one already
  EXPECT_EQ(chains[0].rules[1], replies[0]);
  EXPECT_EQ(chains[2].table + ' ' + chains[2].jump(), "mangle OUTPUT -j LVSD-OUT");
  EXPECT_EQ(chains[2].rules, replies);
}

TEST(IptablesText, WithoutNatNoRuleLooksAtSources) {
  const auto chains = iptables_chains(make_capture_plan(direct_config()), IpFamily::v4, {});
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].rules.size(), 8U);
  for (const std::string& rule : chains[0].rules) {
    EXPECT_EQ(rule.find("src"), std::string::npos) << rule;
    if (rule.find("RETURN") != std::string::npos) continue;
    EXPECT_NE(rule.find(" dst"), std::string::npos) << rule;  // ICMP errors to the VIP only
  }
}

TEST(IptablesText, LateStageIsAtInputAndRepliesStayInRaw) {
  Config config = mixed_config();
  config.startup.stage = CaptureStage::late;
  const auto chains = iptables_chains(make_capture_plan(config), IpFamily::v4, {});
  ASSERT_EQ(chains.size(), 3U);
  EXPECT_EQ(chains[0].table, "security");
  EXPECT_EQ(chains[0].hook, "INPUT");
  // Groups, three ICMP types, services twice, then what is connected, NAT replies twice.
  ASSERT_EQ(chains[0].rules.size(), 9U);
  EXPECT_EQ(chains[0].rules[6], "-p tcp -m cgroup --path / -j RETURN");
  EXPECT_EQ(chains[1].table, "raw");
  EXPECT_EQ(chains[1].rules.at(0), "-m pkttype ! --pkt-type unicast -j RETURN");
  EXPECT_EQ(chains[1].rules.at(1), "-m addrtype --dst-type LOCAL -j RETURN");
  EXPECT_EQ(count(iptables_text(make_capture_plan(config), {}), "lvsd-services4 dst,dst"), 2U);

  IptablesFeatures features;
  features.security_table = false;
  EXPECT_EQ(iptables_chains(make_capture_plan(config), IpFamily::v4, features)[0].table, "filter");
  config.services = direct_config().services;
  EXPECT_EQ(iptables_chains(make_capture_plan(config), IpFamily::v4, {}).size(), 1U);
}

TEST(IptablesText, WithoutSetsThereIsOneRulePerMember) {
  IptablesFeatures features;
  features.sets = false;
  features.addrtype = features.pkttype = features.cgroup = false;
  Config config = mixed_config();
  config.startup.queue_bypass = true;
  const std::string text = iptables_text(make_capture_plan(config), features);
  EXPECT_EQ(count(text, "match-set"), 0U);
  EXPECT_EQ(count(text, "create"), 0U);
  EXPECT_EQ(count(text, "addrtype"), 0U);
  EXPECT_EQ(count(text, "pkttype"), 0U);
  EXPECT_EQ(count(text, "cgroup"), 0U);
  EXPECT_EQ(count(text, "-A LVSD -d 192.0.2.10/32 -p tcp -m tcp --dport 80 -j NFQUEUE"), 1U);
  EXPECT_EQ(count(text, " -s 10.0.0.11/32 -p udp -m udp --sport 53 -j NFQUEUE"), 3U);
  EXPECT_EQ(count(text, "-A LVSD -d 192.0.2.10/32 -p udp -f -j NFQUEUE"), 1U);
  EXPECT_EQ(count(text, "--dport 80 -j NFQUEUE --queue-num 8 --queue-bypass\n"), 1U);
  EXPECT_EQ(count(text, "--dport 53 -j NFQUEUE --queue-num 7 --queue-bypass\n"), 1U);
  EXPECT_EQ(count(text, " --queue-bypass\n"), count(text, "NFQUEUE"));
}

TEST(CaptureText, WithoutSuperPacketsOneQueueServesAll) {
  Config config = mixed_config();
  config.startup.super_packets = false;
  const CapturePlan plan = make_capture_plan(config);
  const std::string text = iptables_text(plan, {});
  EXPECT_EQ(count(text, "--queue-num 7\n"), count(text, "NFQUEUE"));
  const std::string nft = nft_text(plan, nft_queues(plan));
  EXPECT_EQ(count(nft, "queue num 7\n"), count(nft, "queue num"));
}

TEST(CaptureText, NftSendsTcpFromTheNetworkToTheQueueOfStreams) {
  const CapturePlan plan = make_capture_plan(mixed_config());
  const std::string nft = nft_text(plan, nft_queues(plan));
  EXPECT_EQ(count(nft,
                  "meta l4proto tcp ip daddr . meta l4proto . th dport @services4 "
                  "counter queue num 8\n"),
            1U);
  const std::string output = nft.substr(nft.find("chain output"));
  EXPECT_EQ(count(output, "queue num 8"), 0U);
}

TEST(IptablesText, RulesDoNotGrowWithServices) {
  Config config = mixed_config();
  const std::size_t few = rule_count(make_capture_plan(config));
  for (std::uint16_t port = 1000; port < 3000; ++port) {
    const ServiceKey key{ServiceProtocol::tcp, endpoint("192.0.2.77", port)};
    config.services.push_back(
        service(key, {{endpoint("10.9.9.9", port), Masquerade{}, Weight(1)}}));
  }
  const CapturePlan plan = make_capture_plan(config);
  EXPECT_EQ(rule_count(plan), few);
  EXPECT_EQ(ipset_sets(plan)[0].members.size(), 2002U);
}

TEST(IpsetText, CreatesWithRoomAndFills) {
  const auto sets = ipset_sets(make_capture_plan(mixed_config()));
  ASSERT_EQ(sets.size(), 4U);
  EXPECT_EQ(ipset_create(sets[0], "lvsd-services4-new"),
            "create lvsd-services4-new hash:ip,port family inet maxelem 65536\n"
            "add lvsd-services4-new 192.0.2.10,tcp:80\n"
            "add lvsd-services4-new 192.0.2.10,udp:53\n");
  EXPECT_EQ(ipset_create(sets[3], sets[3].name),
            "create lvsd-nat-addresses4 hash:ip family inet maxelem 65536\n"
            "add lvsd-nat-addresses4 10.0.0.11\n");
  TextSet large{"x", IpFamily::v4, SetKind::address, std::vector<std::string>(70000, "10.0.0.1")};
  EXPECT_NE(ipset_create(large, "x").find("maxelem 262144\n"), std::string::npos);
  for (const std::size_t members : {std::size_t{0}, std::size_t{32768}, std::size_t{32769}}) {
    EXPECT_GE(ipset_room(members), 2 * members);
  }
}

TEST(CaptureText, DifferenceNamesWhatComesAndGoes) {
  const TextSet from{"x", IpFamily::v4, SetKind::address, {"9.0.0.1", "10.0.0.1", "10.0.0.2"}};
  const TextSet to{"x", IpFamily::v4, SetKind::address, {"10.0.0.2", "10.0.0.3"}};
  const SetDifference changes = difference(from, to);
  EXPECT_EQ(changes.added, std::vector<std::string>{"10.0.0.3"});
  EXPECT_EQ(changes.removed, (std::vector<std::string>{"10.0.0.1", "9.0.0.1"}));
  const TextSet more{
      "x", IpFamily::v4, SetKind::address, {"9.0.0.1", "9.0.0.9", "10.0.0.1", "10.0.0.2"}};
  EXPECT_EQ(difference(from, more).added, std::vector<std::string>{"9.0.0.9"});
  EXPECT_TRUE(difference(from, more).removed.empty());
  EXPECT_EQ(difference(more, from).removed, std::vector<std::string>{"9.0.0.9"});
  EXPECT_EQ(difference({"x", IpFamily::v4, SetKind::address, {}}, from).added.size(), 3U);
  EXPECT_EQ(difference(from, {"x", IpFamily::v4, SetKind::address, {}}).removed.size(), 3U);
  EXPECT_TRUE(difference(to, to).added.empty());
  EXPECT_TRUE(difference(to, to).removed.empty());
}

TEST(NftText, EarlyStageIsOneTable) {
  const std::string text = nft_text(make_capture_plan(mixed_config()), "queue num 7");
  EXPECT_EQ(text.rfind("table inet lvsd {\n", 0), 0U);
  EXPECT_EQ(count(text, "elements = { 192.0.2.10 . tcp . 80, 192.0.2.10 . udp . 53, }"), 1U);
  EXPECT_EQ(count(text, "hook prerouting priority raw"), 1U);
  EXPECT_EQ(count(text, "hook input priority 99"), 1U);  // replies to our own sockets
  EXPECT_EQ(count(text, "hook output priority -149"), 1U);
  EXPECT_EQ(count(text, "@nat-sources4"), 3U);
  EXPECT_EQ(count(text, "\t\ticmp type { 3, 4, 11 } counter queue num 7\n"), 1U);
  EXPECT_EQ(count(text, "ip daddr . meta l4proto . th dport @services4 counter queue num 7\n"), 1U);
  EXPECT_LT(text.find("meta pkttype != host return"), text.find("counter queue"));
  EXPECT_EQ(count(text,
                  "meta pkttype != host return\n\t\tmeta l4proto tcp meta skuid >= 0 return\n"
                  "\t\tip saddr . meta l4proto . th sport @nat-sources4"),
            1U);
  EXPECT_EQ(count(text, "skuid"), 1U);  // at INPUT
  EXPECT_EQ(count(nft_text(make_capture_plan(direct_config()), "accept"), "skuid"), 0U);
  EXPECT_LT(text.find("fib daddr type local return"), text.rfind("th sport @nat-sources4"));
  EXPECT_EQ(count(text, "bypass"), 0U);
}

TEST(NftText, LateStageAndBypass) {
  Config config = direct_config();
  config.startup.stage = CaptureStage::late;
  config.startup.queue_bypass = true;
  const CapturePlan plan = make_capture_plan(config);
  const std::string text = nft_text(plan, nft_queues(plan));
  EXPECT_EQ(count(text, "hook input priority 99"), 1U);
  EXPECT_EQ(count(text, "hook prerouting"), 0U);
  EXPECT_EQ(count(text, "ip daddr @addresses4 icmp type { 3, 4, 11 } counter queue num 0 bypass\n"),
            1U);
  config.services = mixed_config().services;
  EXPECT_EQ(count(nft_text(make_capture_plan(config), "accept"), "hook prerouting"), 1U);
}

TEST(NftText, EmptySetsHaveNoElements) {
  const std::string text = nft_text(CapturePlan{}, nft_queues(CapturePlan{}));
  EXPECT_EQ(count(text, "elements"), 0U);
  EXPECT_EQ(count(text, "\tset "), 4U);
}

Config ipv6_config() {
  Config config = direct_config();
  const ServiceKey key{ServiceProtocol::tcp, endpoint("2001:db8::1", 80)};
  config.services.push_back(service(key, {{endpoint("2001:db8::2", 80), Masquerade{}, Weight(1)}}));
  return config;
}

// LOCAL_IN comes before the kernel reads the fragment header of IPv6.
TEST(CaptureText, LateStageHasTheFragmentsOfIpv6AtInput) {
  Config config = ipv6_config();
  config.startup.stage = CaptureStage::late;
  const CapturePlan plan = make_capture_plan(config);
  const auto fragments_at_input = [&plan](IpFamily family, const char* match) {
    const IptablesChain input = iptables_chains(plan, family, {}).at(0);
    EXPECT_EQ(input.hook, "INPUT");
    return std::count_if(input.rules.begin(), input.rules.end(), [match](const std::string& rule) {
      return rule.find(match) != std::string::npos;
    });
  };
  EXPECT_EQ(fragments_at_input(IpFamily::v6, " -m frag -m set --match-set lvsd-addresses6 dst"), 2);
  EXPECT_EQ(fragments_at_input(IpFamily::v4, " -f "), 0);
  const std::string nft = nft_text(plan, "accept");
  const std::string input = nft.substr(nft.find("hook input"));
  EXPECT_EQ(count(input, "frag frag-off != 0 ip6 daddr @addresses6 counter accept"), 1U);
  EXPECT_EQ(count(input, "ip frag-off"), 0U);
}

TEST(CaptureText, EachVersionOfIpHasItsOwnSetsAndRules) {
  const CapturePlan plan = make_capture_plan(ipv6_config());
  EXPECT_EQ(plan.v4, make_capture_plan(direct_config()).v4);
  EXPECT_FALSE(plan.v4.has_nat());
  EXPECT_TRUE(plan.v6.has_nat());
  EXPECT_TRUE(iptables_chains(make_capture_plan(direct_config()), IpFamily::v6, {}).empty());
  const auto chains = iptables_chains(plan, IpFamily::v6, {});
  ASSERT_EQ(chains.size(), 3U);
  const std::string queue = " -j NFQUEUE --queue-num 0", streams = " -j NFQUEUE --queue-num 1";
  EXPECT_EQ(chains[1].rules,
            (std::vector<std::string>{
                "-m pkttype ! --pkt-type unicast -j RETURN",
                "-p tcp -m frag -m set --match-set lvsd-addresses6 dst" + queue,
                "-p udp -m frag -m set --match-set lvsd-addresses6 dst" + queue,
                "-p ipv6-icmp -m icmp6 --icmpv6-type 1" + queue,
                "-p ipv6-icmp -m icmp6 --icmpv6-type 2" + queue,
                "-p ipv6-icmp -m icmp6 --icmpv6-type 3" + queue,
                "-p ipv6-icmp -m icmp6 --icmpv6-type 4" + queue,
                "-p tcp -m set --match-set lvsd-services6 dst,dst" + streams,
                "! -p tcp -m set --match-set lvsd-services6 dst,dst" + queue,
                "-m addrtype --dst-type LOCAL -j RETURN",
                "-p tcp -m frag -m set --match-set lvsd-nat-addresses6 src" + queue,
                "-p udp -m frag -m set --match-set lvsd-nat-addresses6 src" + queue,
                "-p tcp -m set --match-set lvsd-nat-sources6 src,src" + streams,
                "! -p tcp -m set --match-set lvsd-nat-sources6 src,src" + queue,
            }));
  const std::string text = iptables_text(plan, {});
  EXPECT_EQ(count(text, "create lvsd-services6 hash:ip,port family inet6 maxelem 65536\n"), 1U);
  EXPECT_EQ(count(text, "add lvsd-services6 2001:db8::1,tcp:80\n"), 1U);
  EXPECT_LT(text.find("# ip6tables-restore"), text.find("lvsd-nat-sources6 src"));
  const std::string redirects = "-A LVSD-OUT -p ipv6-icmp -m icmp6 --icmpv6-type 137 ";
  EXPECT_EQ(count(text, redirects + "-m set --match-set lvsd-nat-addresses6 dst -j DROP\n"), 1U);
  const std::string nft = nft_text(plan, "accept");
  EXPECT_EQ(count(nft, "icmpv6 type { 1, 2, 3, 4 } counter accept"), 1U);
  EXPECT_EQ(count(nft, "\t\tip6 daddr @nat-addresses6 icmpv6 type nd-redirect counter drop\n"), 1U);
  EXPECT_EQ(count(nft, "ip6 saddr . meta l4proto . th sport @nat-sources6"), 3U);
  EXPECT_EQ(count(nft, "elements = { 2001:db8::1 . tcp . 80, }"), 1U);
}

TEST(CaptureText, AnyPortServicesAreCapturedByProtocol) {
  Config config = direct_config();
  config.services = {service({ServiceProtocol::tcp, endpoint("192.0.2.10", 0)},
                             {{endpoint("10.0.0.11", 0), Masquerade{}, Weight(1)}}),
                     service({ServiceProtocol::udp, endpoint("192.0.2.10", 500)},
                             {{endpoint("10.0.0.12", 500), DirectRouting{}, Weight(1)}})};
  const CapturePlan plan = make_capture_plan(config);
  EXPECT_EQ(plan.v4.requests.tcp, std::vector<IpAddress>{*IpAddress::parse("192.0.2.10")});
  EXPECT_EQ(plan.v4.replies.tcp, std::vector<IpAddress>{*IpAddress::parse("10.0.0.11")});
  EXPECT_EQ(plan.v4.requests.ports.size(), 1U);
  const std::string text = iptables_text(plan, {});
  EXPECT_EQ(count(text, "-A LVSD -p tcp -m set --match-set lvsd-tcp4 dst -j NFQUEUE"), 1U);
  EXPECT_EQ(count(text, "-p tcp -m set --match-set lvsd-nat-tcp4 src -j NFQUEUE"), 3U);
  EXPECT_EQ(count(text, "-A LVSD -p esp -m set --match-set lvsd-ipsec4 dst -j NFQUEUE"), 1U);
  EXPECT_EQ(count(text, "-A LVSD -p ah -m set --match-set lvsd-ipsec4 dst -j NFQUEUE"), 1U);
  EXPECT_EQ(count(text, "lvsd-udp4"), 0U);
  const std::string nft = nft_text(plan, "accept");
  EXPECT_EQ(count(nft, "\t\tmeta l4proto tcp ip daddr @tcp4 counter accept\n"), 1U);
  EXPECT_EQ(count(nft, "\t\tmeta l4proto { esp, ah } ip daddr @ipsec4 counter accept\n"), 1U);
}

// Reference 1.5, rule 3; and what a NAT server sends on its data connections.
TEST(CaptureText, FtpBringsItsDataPorts) {
  Config config = direct_config();
  config.services = {service({ServiceProtocol::tcp, endpoint("192.0.2.10", 21)},
                             {{endpoint("10.0.0.11", 2121), Masquerade{}, Weight(1)}})};
  const CapturePlan plan = make_capture_plan(config);
  EXPECT_EQ(plan.v4.replies.tcp, std::vector<IpAddress>{*IpAddress::parse("10.0.0.11")});
  const std::string text = iptables_text(plan, {});
  EXPECT_EQ(count(text, "-p tcp -m tcp --dport 20 -m set --match-set lvsd-ftp4 dst"), 1U);
  EXPECT_EQ(count(text, "-p tcp -m tcp --dport 1024:65535 -m set --match-set lvsd-ftp4 dst"), 1U);
  EXPECT_EQ(count(nft_text(plan, "accept"),
                  "\t\tip daddr @ftp4 tcp dport { 20, 1024-65535 } counter accept\n"),
            1U);
}

// Marks are set by the host's rules in mangle, so capture comes behind them, for all requests: an
// address service must not take a packet that has a mark.
TEST(CaptureText, MarksAreLookedAtBehindMangle) {
  CapturePlan plan = make_capture_plan(direct_config());
  plan.v4.marks = {7, 9};
  plan.v4.every_icmp_error = true;
  const auto chains = iptables_chains(plan, IpFamily::v4, {});
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].table, "mangle");
  EXPECT_FALSE(chains[0].first());
  const std::string text = iptables_text(plan, {});
  for (const char* protocol : {"tcp", "udp", "sctp", "esp", "ah"}) {
    EXPECT_EQ(count(text, "-p " + std::string(protocol) + " -m mark --mark 9 -j NFQUEUE"), 1U);
  }
  EXPECT_EQ(count(text, "-A PREROUTING -j LVSD\n"), 1U);
  const std::string nft = nft_text(plan, "accept");
  EXPECT_EQ(count(nft, "elements = { 7, 9, }"), 1U);
  EXPECT_EQ(count(nft, "hook prerouting priority -149"), 1U);
  EXPECT_EQ(count(nft, "meta mark @marks4 counter accept"), 2U);
  const std::size_t later = nft.find(
      "ip frag-off & 0x1fff != 0 meta nfproto ipv4 meta l4proto { tcp, udp, sctp, esp, ah } meta "
      "mark @marks4 counter accept");
  EXPECT_LT(later, nft.find("ip frag-off & 0x1fff != 0 return"));
  plan.stage = CaptureStage::late;
  EXPECT_EQ(count(nft_text(plan, "accept"), "meta mark @marks4 counter accept"), 1U);
  EXPECT_EQ(iptables_chains(plan, IpFamily::v4, {}).at(0).jump(), "INPUT -j LVSD");
}

// Without `announce` a virtual address may be elsewhere, and a request of ours does not come back.
TEST(CaptureText, OwnRequestsToForeignAddresses) {
  Config config = direct_config();
  EXPECT_FALSE(make_capture_plan(config).v4.own_requests);
  config.announce.enabled = false;
  const CapturePlan plan = make_capture_plan(config);
  EXPECT_TRUE(plan.v4.own_requests);
  EXPECT_FALSE(plan.v6.own_requests);
  const auto chains = iptables_chains(plan, IpFamily::v4, {});
  ASSERT_EQ(chains.size(), 2U);
  EXPECT_EQ(chains[1].table + ' ' + chains[1].jump(), "mangle OUTPUT -j LVSD-OUT");
  EXPECT_EQ(chains[1].rules,
            (std::vector<std::string>{
                "-m addrtype --dst-type LOCAL -j RETURN",
                "-m set --match-set lvsd-services4 dst,dst -j NFQUEUE --queue-num 0"}));
  const std::string nft = nft_text(plan, "accept");
  EXPECT_LT(nft.find("hook output priority -149"), nft.find("fib daddr type local return"));
  EXPECT_EQ(count(nft, "th dport @services4"), 2U);
}

CapturePlan plan_of_workers(unsigned workers) {
  Config config = mixed_config();
  config.startup.overload = Overload::drop_new;
  return make_capture_plan(config, {.workers = workers, .seed = 9, .prefix = {24, 128}});
}

// Each rule once for every worker, in the queue of its kind; the last one takes what is left.
TEST(CaptureText, ChecksThroughTheDataPathAreMarkedAndAnswered) {
  Config config = direct_config();
  config.startup.probe_marks = 1;
  config.services[0].probes = {
      0x10005, {{*IpAddress::parse("10.0.0.12"), DirectRouting{}, ServiceProtocol::tcp, Port(80)}}};
  for (const CaptureStage stage : {CaptureStage::early, CaptureStage::late}) {
    config.startup.stage = stage;
    const CapturePlan plan = make_capture_plan(config);
    EXPECT_EQ(plan.v4.answers, std::vector<ServiceKey>{kWeb});
    const std::string text = iptables_text(plan, {});
    EXPECT_EQ(count(text, "-A LVSD-OUT -m mark --mark 65536/0xffff0000 -j NFQUEUE"), 1U) << text;
    EXPECT_EQ(count(text, "add lvsd-answers4 192.0.2.10,tcp:80\n"), 1U) << text;
    EXPECT_EQ(count(text,
                    "-A LVSD -m set --match-set lvsd-answers4 src,src "
                    "-m addrtype --dst-type LOCAL -j NFQUEUE"),
              1U)
        << text;
    EXPECT_EQ(
        count(iptables_text(plan, {.sets = false}), "-s 192.0.2.10/32 -p tcp -m tcp --sport 80"),
        1U);
    const std::string nft = nft_text(plan, nft_queues(plan));
    EXPECT_EQ(count(nft, "meta nfproto ipv4 meta mark & 0xffff0000 == 65536 counter"), 1U) << nft;
    EXPECT_EQ(
        count(nft, "ip saddr . meta l4proto . th sport @answers4 fib daddr type local counter"), 1U)
        << nft;
  }
  config.services[0].probes = {};
  EXPECT_EQ(count(iptables_text(make_capture_plan(config), {}), "mark"), 0U);
}

TEST(Steering, IptablesHasEachRuleOncePerWorker) {
  std::string rules;
  for (const auto& chain : iptables_chains(plan_of_workers(3), IpFamily::v4, {})) {
    for (const std::string& rule : chain.rules) rules += rule + '\n';
  }
  const std::size_t all = count(rules, "-j NFQUEUE");
  EXPECT_EQ(all % 3, 0U);
  EXPECT_EQ(count(rules, "-m bpf --bytecode"), all / 3 * 2);
  EXPECT_EQ(count(rules, "--queue-num 15\n"),
            count(rules, "-p tcp -m tcp --tcp-flags SYN,ACK SYN") / 3);
  for (int queue = 7; queue <= 15; ++queue) {
    EXPECT_GE(count(rules, "--queue-num " + std::to_string(queue) + '\n'), 1U) << queue;
  }
  // Errors to a virtual address by what they quote, before all others.
  EXPECT_LT(rules.find("--icmp-type 3 -m set --match-set lvsd-addresses4 dst -m bpf"),
            rules.find("--icmp-type 3 -m bpf"));
}

TEST(Steering, WithoutTheMatchAllComesToTheFirstWorker) {
  IptablesFeatures features;
  features.bpf = false;
  for (const auto& chain : iptables_chains(plan_of_workers(2), IpFamily::v4, features)) {
    for (const std::string& rule : chain.rules) {
      EXPECT_EQ(rule.find("bpf"), std::string::npos);
      EXPECT_EQ(rule.find("--queue-num 8"), std::string::npos) << rule;
    }
  }
}

TEST(Steering, NftSpreadsByItsOwnHash) {
  const CapturePlan plan = plan_of_workers(2);
  const std::string text = nft_text(plan, nft_queues(plan));
  const std::string hash = "queue to jhash ip saddr & 255.255.255.0 mod 2 seed 9 offset ";
  EXPECT_EQ(count(text, "th dport @services4 counter " + hash + "7\n"), 1U);
  EXPECT_EQ(count(text, "th dport @services4 counter " + hash + "9\n"), 1U);
  EXPECT_EQ(count(text,
                  "tcp flags & (syn | ack) == syn ip daddr . meta l4proto . th dport "
                  "@services4 counter " +
                      hash + "11\n"),
            1U);
  EXPECT_GE(count(text, "@nat-sources4 counter queue to jhash ip daddr & 255.255.255.0 mod 2"), 1U);
  EXPECT_EQ(count(text, "icmp type { 3, 4, 11 } counter queue num 7\n"), 1U);
  EXPECT_EQ(count(text, "CLIENT"), 0U);
}

}  // namespace
}  // namespace lvsd
