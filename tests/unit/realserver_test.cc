// SPDX-License-Identifier: GPL-2.0-or-later
// Plans for hosts that the laboratory has not got, too: with tunl0, with fou, with other gateways.
#include "lvsd/realserver/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lvsd/realserver/host.h"
#include "lvsd/realserver/persist.h"
#include "lvsd/realserver/state.h"
#include "unit/realserver_network.h"

namespace lvsd::realserver {
namespace {

struct Host {
  Network::Parts parts;
  HostFacts facts;
  Wanted wanted;

  Host() {
    Interface lo{.index = InterfaceIndex{1},
                 .name = "lo",
                 .mac = {},
                 .mtu = 65536,
                 .loopback = true,
                 .addresses = {}};
    parts.interfaces = {lo, ethernet(2, "eth0", {{ip("10.0.2.11"), 24}, {ip("fd00:2::11"), 64}})};
    facts.decap_program = "/usr/sbin/lvsd-decap";
    facts.decap_directory = "/run/x";
    settings("0");
  }
  void settings(const std::string& value) {
    for (const auto& path : sysctls_of_interest(Network(parts))) facts.sysctls[path] = value;
  }
  void device(const char* name) {
    Interface tunnel{.index = InterfaceIndex{9},
                     .name = name,
                     .mac = {},
                     .mtu = 1480,
                     .up = false,
                     .addresses = {}};
    parts.interfaces.push_back(tunnel);
    settings("0");
  }
  void role(ForwardingMethod method, std::string_view vip = "10.0.3.100",
            std::string_view own = "10.0.2.11", ServiceProtocol protocol = ServiceProtocol::tcp) {
    wanted.roles.push_back({"web", ip(vip), ip(own), method, protocol, Port{std::uint16_t{80}}});
  }
  Result<Plan, Error> plan() const { return make_plan(wanted, Network(parts), facts); }
  std::vector<std::string> to_do() const {
    const auto made = plan();
    EXPECT_TRUE(made) << made.error().message;
    std::vector<std::string> commands;
    for (const Step& step : made->steps) {
      if (!step.done) commands.push_back(command_text(step));
    }
    return commands;
  }
};

using Commands = std::vector<std::string>;

TEST(RealServerPlan, DirectRoutingPutsTheAddressOnLoAndKeepsSilent) {
  Host host;
  host.role(DirectRouting{});
  EXPECT_EQ(host.to_do(), (Commands{"echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
                                    "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce",
                                    "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore",
                                    "echo 2 > /proc/sys/net/ipv4/conf/eth0/arp_announce",
                                    "ip addr add 10.0.3.100/32 dev lo"}));
}

TEST(RealServerPlan, WhatIsThereIsNotDoneAgain) {
  Host host;
  host.role(DirectRouting{});
  host.parts.interfaces[0].addresses = {{ip("10.0.3.100"), 32}};
  host.settings("2");
  EXPECT_EQ(host.to_do(), Commands{});
}

TEST(RealServerPlan, Ipv6NeedsNoArpSettings) {
  Host host;
  host.role(DirectRouting{}, "fd00:3::100", "fd00:2::11");
  EXPECT_EQ(host.to_do(), Commands{"ip addr add fd00:3::100/128 dev lo nodad"});
}

TEST(RealServerPlan, SeveralInterfacesOnOneNetworkAnswerOnce) {
  Host host;
  host.parts.interfaces.push_back(ethernet(3, "eth1", {{ip("10.0.2.12"), 24}}));
  host.settings("0");
  host.role(Masquerade{});
  host.wanted.directors = {ip("10.0.2.1")};
  const Commands commands = host.to_do();
  for (const char* name : {"eth0", "eth1"}) {
    const std::string wanted =
        std::string("echo 1 > /proc/sys/net/ipv4/conf/") + name + "/arp_filter";
    EXPECT_EQ(std::count(commands.begin(), commands.end(), wanted), 1) << name;
  }
}

TEST(RealServerPlan, TheKernelsTunnelIsUsedWhereItIs) {
  Host host;
  host.device("tunl0");
  host.facts.sysctls["net/ipv4/conf/all/rp_filter"] = "1";
  host.role(Tunnel{});
  const Commands commands = host.to_do();
  const Commands last(commands.end() - 3, commands.end());
  EXPECT_EQ(last, (Commands{"ip link set tunl0 up", "ip addr add 10.0.3.100/32 dev tunl0",
                            "echo 2 > /proc/sys/net/ipv4/conf/tunl0/rp_filter"}));
}

TEST(RealServerPlan, EachKindOfTunnelHasItsDevice) {
  struct Row {
    Encapsulation encapsulation;
    const char *vip, *own, *device;
  };
  for (const Row& row : {Row{Encapsulation::ipip, "10.0.3.1", "10.0.2.11", "tunl0"},
                         Row{Encapsulation::ipip, "fd00:3::1", "10.0.2.11", "sit0"},
                         Row{Encapsulation::ipip, "fd00:3::1", "fd00:2::11", "ip6tnl0"},
                         Row{Encapsulation::gre, "10.0.3.1", "10.0.2.11", "gre0"}}) {
    Host host;
    host.device(row.device);
    host.role(Tunnel{.encapsulation = row.encapsulation}, row.vip, row.own);
    const Commands commands = host.to_do();
    EXPECT_NE(std::find(commands.begin(), commands.end(),
                        std::string("ip link set ") + row.device + " up"),
              commands.end());
  }
}

TEST(RealServerPlan, GueNeedsAPortOfTheKernels) {
  Host host;
  host.device("tunl0");
  host.role(Tunnel{.encapsulation = Encapsulation::gue});
  host.wanted.directors = {ip("10.0.2.1")};
  EXPECT_NE(host.to_do().back().find("--gue-port 6080"), std::string::npos) << "without fou: ours";
  host.facts.has_fou = true;
  const Commands commands = host.to_do();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "ip fou add port 6080 gue"), 1);
}

TEST(RealServerPlan, APortOfGueThatIsThereIsNotAddedAgain) {
  Host host;
  host.device("tunl0");
  host.role(Tunnel{.encapsulation = Encapsulation::gue});
  host.facts.has_fou = true;
  const auto adds = [&host](const char* shown) {
    host.facts.fou_ports = shown;
    const Commands commands = host.to_do();
    return std::count(commands.begin(), commands.end(), "ip fou add port 6080 gue");
  };
  EXPECT_EQ(adds("port 5555 ipproto 4\nport 6080 gue \n"), 0);
  EXPECT_EQ(adds("port 6080 gue\n"), 0);
  EXPECT_EQ(adds("port 6080 gue -6\n"), 1) << "of IPv6";
  EXPECT_EQ(adds("port 6080 ipproto 4\n"), 1) << "another kind";
  EXPECT_EQ(adds("port 16080 gue\nport 608 gue\n"), 1);
}

TEST(RealServerPlan, OurDecapsulatorIsUsedWhereTheKernelHasNone) {
  Host host;
  host.role(Tunnel{});
  EXPECT_NE(host.plan().error().message.find("--director is missing"), std::string::npos);
  host.wanted.directors = {ip("10.0.2.1")};
  const auto plan = host.plan();
  ASSERT_TRUE(plan);
  EXPECT_EQ(command_text(plan->steps.back()),
            "/usr/sbin/lvsd-decap --device lvsd-tun --vip 10.0.3.100 --from 10.0.2.1 "
            "--tunnel ipip --mtu 1500 --detach /run/x/decap.pid");
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_NE(plan->notes[0].find("method dr would do"), std::string::npos);
  host.facts.decap_running = plan->steps.back().apply;
  EXPECT_TRUE(host.plan()->steps.back().done);
  host.facts.decap_running = plan->steps.back().undo;
  host.facts.decap_running[0] = "lvsd-decap";
  EXPECT_TRUE(host.plan()->steps.back().done) << "of a unit: not detached, in another directory";
  host.facts.decap_running[4] = "10.0.3.101";
  EXPECT_FALSE(host.plan()->steps.back().done) << "for another address";
  host.facts.decap_program.clear();
  EXPECT_FALSE(host.plan());
}

TEST(RealServerPlan, OneMoreVipLeavesTheDecapsulatorWhatItHas) {
  Host host;
  host.role(Tunnel{});
  host.wanted.directors = {ip("10.0.2.1")};
  host.facts.decap_running = {"lvsd-decap", "--device", "lvsd-tun", "--vip",
                              "10.0.3.99",  "--from",   "10.0.2.2", "--gue-port",
                              "6081",       "--mtu",    "1500"};
  host.wanted.adds = true;
  EXPECT_EQ(command_text(host.plan()->steps.back()),
            "/usr/sbin/lvsd-decap --device lvsd-tun --vip 10.0.3.100 --vip 10.0.3.99 "
            "--from 10.0.2.1 --from 10.0.2.2 --gue-port 6081 --mtu 1500 "
            "--detach /run/x/decap.pid");
  host.wanted.adds = false;  // a file says all
  EXPECT_EQ(command_text(host.plan()->steps.back()),
            "/usr/sbin/lvsd-decap --device lvsd-tun --vip 10.0.3.100 --from 10.0.2.1 "
            "--tunnel ipip --mtu 1500 --detach /run/x/decap.pid");
}

TEST(RealServerPlan, TheDecapsulatorTakesTheTunnelsThatAreUsed) {
  Host host;
  host.role(Tunnel{.encapsulation = Encapsulation::gre});
  host.wanted.directors = {ip("10.0.2.1")};
  host.wanted.adds = true;
  EXPECT_NE(host.to_do().back().find(" --tunnel gre --mtu "), std::string::npos);
  host.facts.decap_running = {"lvsd-decap", "--tunnel", "gue", "--gue-port", "6081"};
  EXPECT_NE(host.to_do().back().find(" --tunnel gre --tunnel gue --gue-port 6081 --mtu "),
            std::string::npos);
  host.facts.decap_running = {"lvsd-decap", "--vip", "10.0.3.99"};
  EXPECT_EQ(host.to_do().back().find("--tunnel"), std::string::npos) << "it takes all";
}

TEST(RealServerPlan, WhereTheKindIsNotSaidTheDecapsulatorTakesAll) {
  Host host;
  host.role(Tunnel{});
  host.wanted.roles[0].any_tunnel = true;
  host.wanted.directors = {ip("10.0.2.1")};
  host.wanted.adds = true;
  const std::string all = "/usr/sbin/lvsd-decap --device lvsd-tun --vip 10.0.3.100 --from 10.0.2.1";
  EXPECT_EQ(host.to_do().back(), all + " --mtu 1500 --detach /run/x/decap.pid");
  host.wanted.roles[0].method =
      Tunnel{.encapsulation = Encapsulation::gue, .port = Port{std::uint16_t{7000}}};
  EXPECT_EQ(host.to_do().back(), all + " --gue-port 7000 --mtu 1500 --detach /run/x/decap.pid");
  host.facts.decap_running = {"lvsd-decap", "--tunnel", "gue"};
  EXPECT_EQ(host.to_do().back(),
            all + " --gue-port 6080 --gue-port 7000 --mtu 1500 --detach /run/x/decap.pid")
      << "its default port was 6080";
  host.facts.decap_running.clear();
  host.device("tunl0");
  host.facts.has_fou = true;
  const Commands commands = host.to_do();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "ip fou add port 7000 gue"), 1);
  host.wanted.roles[0].method = Tunnel{};
  EXPECT_NE(host.plan()->notes[0].find("tunl0 takes IPIP"), std::string::npos);
}

TEST(RealServerPlan, NatWithoutADefaultRouteGetsOne) {
  Host host;
  host.role(Masquerade{});
  host.wanted.directors = {ip("10.0.2.1")};
  EXPECT_EQ(host.to_do(), Commands{"ip -4 route add default via 10.0.2.1 dev eth0"});
}

TEST(RealServerPlan, WhatARunHasDoneStaysAStep) {
  Host nat;
  nat.role(Masquerade{});
  nat.wanted.directors = {ip("10.0.2.1")};
  nat.parts.routes = {{Prefix{ip("0.0.0.0"), 0}, RouteKind::unicast, ip("10.0.2.1"),
                       InterfaceIndex{2}, std::nullopt}};
  EXPECT_EQ(nat.to_do(), Commands{});
  EXPECT_EQ(command_text(nat.plan()->steps.back()),
            "ip -4 route add default via 10.0.2.1 dev eth0");
  Host tunnel;
  tunnel.device("tunl0");
  tunnel.role(Tunnel{});
  tunnel.facts.sysctls["net/ipv4/conf/tunl0/rp_filter"] = "2";
  const auto plan = tunnel.plan();
  ASSERT_TRUE(plan);
  EXPECT_EQ(command_text(plan->steps.back()), "echo 2 > /proc/sys/net/ipv4/conf/tunl0/rp_filter");
  EXPECT_TRUE(plan->steps.back().done);
}

TEST(RealServerPlan, RequestsMayComeInWhereNatWillNotAnswer) {
  Host host;
  host.parts.interfaces.push_back(ethernet(3, "eth1", {{ip("10.0.4.11"), 24}}));
  host.parts.routes = {{Prefix{ip("10.0.4.0"), 24}, RouteKind::unicast, std::nullopt,
                        InterfaceIndex{3}, std::nullopt}};
  host.settings("1");
  host.role(DirectRouting{});
  host.role(Masquerade{}, "10.0.3.101", "10.0.4.11");
  host.wanted.directors = {ip("10.0.4.1")};
  const auto loosened = [&host] {
    const Commands commands = host.to_do();
    return std::count(commands.begin(), commands.end(),
                      "echo 2 > /proc/sys/net/ipv4/conf/eth0/rp_filter");
  };
  EXPECT_EQ(loosened(), 1) << "the default route is not there yet";
  host.parts.routes.push_back({Prefix{ip("0.0.0.0"), 0}, RouteKind::unicast, ip("10.0.4.1"),
                               InterfaceIndex{3}, std::nullopt});
  EXPECT_EQ(loosened(), 1);
}

TEST(RealServerPlan, ASettingThatDoesAsWellStaysAsItIs) {
  Host host;
  host.role(DirectRouting{});
  host.facts.sysctls["net/ipv4/conf/all/arp_ignore"] = "8";
  const auto plan = host.plan();
  ASSERT_TRUE(plan);
  EXPECT_EQ(command_text(plan->steps.front()), "echo 8 > /proc/sys/net/ipv4/conf/all/arp_ignore");
}

TEST(RealServerPlan, ADecapsulatorThatHasEndedGetsBackWhatItServed) {
  Host host;
  host.role(Tunnel{});
  host.wanted.directors = {ip("10.0.2.1")};
  host.facts.decap_kept = {"lvsd-decap", "--vip", "10.0.3.99", "--from", "10.0.2.1"};
  host.wanted.adds = true;
  EXPECT_NE(host.to_do().back().find(" --vip 10.0.3.100 --vip 10.0.3.99 "), std::string::npos);
}

TEST(RealServerPlan, NatWithAnotherGatewayRoutesTheServiceApart) {
  Host host;
  host.parts.routes = {{Prefix{ip("0.0.0.0"), 0}, RouteKind::unicast, ip("10.0.2.254"),
                        InterfaceIndex{2}, std::nullopt}};
  host.role(Masquerade{});
  host.wanted.directors = {ip("10.0.2.1")};
  EXPECT_EQ(host.to_do(),
            (Commands{"ip -4 rule add pref 4200 from 10.0.2.11 ipproto tcp sport 80 lookup main "
                      "suppress_prefixlength 0",
                      "ip -4 route add default via 10.0.2.1 dev eth0 table 4201",
                      "ip -4 rule add pref 4201 from 10.0.2.11 ipproto tcp sport 80 lookup 4201"}));
}

TEST(RealServerPlan, NatForClientsOfTheSameNetwork) {
  Host host;
  host.role(Masquerade{}, "10.0.2.100", "10.0.2.11", ServiceProtocol::udp);
  host.wanted.directors = {ip("10.0.2.1")};
  EXPECT_EQ(host.to_do(), (Commands{"ip -4 route add default via 10.0.2.1 dev eth0 table 4201",
                                    "ip -4 rule add pref 4000 ipproto udp sport 80 lookup 4201"}));
  EXPECT_TRUE(host.plan()->notes.empty());
  Host told;
  told.role(Masquerade{});
  told.wanted.directors = {ip("10.0.2.1")};
  told.wanted.clients = {*Prefix::parse("10.0.2.0/24")};
  EXPECT_EQ(told.to_do().size(), 2U);
}

// Issue 5: the on-link route to the client's network that makes replies bypass the director.
TEST(RealServerPlan, NatTellsOfRoutesPastTheDirector) {
  Host host;
  host.parts.interfaces.push_back(ethernet(3, "eth1", {{ip("10.0.1.11"), 24}}));
  host.parts.routes = {{*Prefix::parse("0.0.0.0/0"), RouteKind::unicast, ip("10.0.2.1"),
                        InterfaceIndex{2}, std::nullopt},
                       {*Prefix::parse("10.8.0.0/16"), RouteKind::unicast, ip("10.0.2.9"),
                        InterfaceIndex{2}, std::nullopt}};
  host.settings("0");
  host.role(Masquerade{});
  host.wanted.directors = {ip("10.0.2.1")};
  const auto plan = host.plan();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_NE(plan->notes[0].find("to 10.0.2.0/24, 10.0.1.0/24, 10.8.0.0/16: clients there would be "
                                "answered past the director"),
            std::string::npos)
      << plan->notes[0];
  for (const char* clients : {"10.0.1.0/24", "10.8.3.0/24", "10.0.0.0/8"}) {
    host.wanted.clients = {*Prefix::parse(clients)};
    const auto routed = host.plan();
    ASSERT_TRUE(routed);
    EXPECT_EQ(command_text(routed->steps.back()),
              "ip -4 rule add pref 4000 from 10.0.2.11 ipproto tcp sport 80 lookup 4201")
        << clients;
    EXPECT_TRUE(routed->notes.empty()) << clients;
  }
  host.wanted.clients = {*Prefix::parse("10.9.0.0/16")};
  EXPECT_EQ(host.to_do(), Commands{}) << "by the default route";
}

TEST(RealServerPlan, NatOfAllPortsHasToBeMeant) {
  Host host;
  host.role(Masquerade{});
  host.wanted.roles[0].port = {};
  host.wanted.roles[0].port_unsaid = true;
  host.wanted.directors = {ip("10.0.2.1")};
  EXPECT_EQ(host.to_do(), Commands{"ip -4 route add default via 10.0.2.1 dev eth0"});
  host.wanted.clients = {*Prefix::parse("10.0.2.0/24")};
  EXPECT_EQ(host.plan().error().message,
            "--port is missing: clients are on a network of this host, and nothing but what the "
            "service answers is to go through the director; give --port PORT, or --port any for "
            "all that 10.0.2.11 sends");
  host.wanted.clients.clear();
  host.parts.routes = {{*Prefix::parse("0.0.0.0/0"), RouteKind::unicast, ip("10.0.2.254"),
                        InterfaceIndex{2}, std::nullopt}};
  EXPECT_NE(host.plan().error().message.find("this host has another gateway, 10.0.2.254, and"),
            std::string::npos);
  host.wanted.roles[0].port_unsaid = false;
  EXPECT_EQ(host.to_do().back(), "ip -4 rule add pref 4201 from 10.0.2.11 lookup 4201");
}

TEST(RealServerPlan, NatNeedsADirectorOfItsOwnNetwork) {
  Host host;
  host.role(Masquerade{});
  host.wanted.directors = {ip("fd00:2::1")};
  EXPECT_NE(host.plan().error().message.find("IPv4 address"), std::string::npos);
  host.wanted.directors = {ip("10.9.9.9")};
  EXPECT_NE(host.plan().error().message.find("on no network of this host"), std::string::npos);
}

TEST(RealServerPlan, AVipOnANetworkInterfaceIsMoved) {
  Host host;
  host.parts.interfaces[1].addresses.push_back({ip("10.0.3.100"), 32});
  host.role(DirectRouting{});
  const Commands commands = host.to_do();
  const Commands last(commands.end() - 2, commands.end());
  EXPECT_EQ(last,
            (Commands{"ip addr add 10.0.3.100/32 dev lo", "ip addr del 10.0.3.100/32 dev eth0"}));
}

// ---- files for the next boot
struct Files {
  std::vector<Step> steps;
  const Step* ending(std::string_view name) const {
    for (const Step& step : steps) {
      if (step.what.size() >= name.size() &&
          step.what.compare(step.what.size() - name.size(), name.size(), name) == 0) {
        return &step;
      }
    }
    return nullptr;
  }
};

Files files_of(const Host& host, Persistence how, const std::vector<std::string>& again = {"x"}) {
  const auto plan = host.plan();
  EXPECT_TRUE(plan);
  return {persist({{again}, plan->steps}, how, "/does/not/exist")};
}

TEST(RealServerFiles, OneUnitStartsTheDecapsulator) {
  Host host;
  host.role(Tunnel{});
  host.wanted.directors = {ip("10.0.2.1")};
  const Files alone = files_of(host, Persistence::networkd);
  EXPECT_NE(alone.ending("lvsd-decap-realserver.service"), nullptr);
  EXPECT_EQ(alone.ending("lvsd-realserver.service"), nullptr);
  host.role(Masquerade{}, "10.0.3.101");
  const Files both = files_of(host, Persistence::networkd);
  EXPECT_EQ(both.ending("lvsd-decap-realserver.service"), nullptr);
  EXPECT_NE(both.ending("lvsd-realserver.service"), nullptr);
}

TEST(RealServerFiles, IfupDoesEachStepWhereItsInterfaceIsUp) {
  Host host;
  host.parts.routes = {{Prefix{ip("0.0.0.0"), 0}, RouteKind::unicast, ip("10.0.2.254"),
                        InterfaceIndex{2}, std::nullopt}};
  host.role(DirectRouting{});
  host.role(Masquerade{}, "10.0.3.101");
  host.wanted.directors = {ip("10.0.2.1")};
  const Files files = files_of(host, Persistence::ifupdown);
  const Step* script = files.ending("/etc/network/if-up.d/lvsd-realserver");
  ASSERT_NE(script, nullptr);
  const std::string& text = script->value;
  EXPECT_EQ(text.rfind("#!/bin/sh\n", 0), 0U);
  const std::size_t eth0 = text.find("  eth0)\n"), lo = text.find("  lo)\n");
  ASSERT_LT(eth0, lo);
  const std::size_t route = text.find("ip -4 route add default via 10.0.2.1 dev eth0 table 4201");
  EXPECT_TRUE(eth0 < route && route < lo) << text;
  EXPECT_LT(lo, text.find("ip addr add 10.0.3.100/32 dev lo || true\n"));
  EXPECT_LT(lo, text.find("ip -4 rule add pref 4201"));
}

TEST(RealServerFiles, RunsAddUp) {
  const auto setting = [](const char* value) {
    Step step;
    step.kind = StepKind::sysctl;
    step.what = "net/ipv4/conf/eth0/rp_filter";
    step.value = value;
    return step;
  };
  const auto command = [](Commands words) {
    Step step;
    step.apply = std::move(words);
    return step;
  };
  Lasting all{{{"lvsctl", "a"}}, {setting("1"), command({"ip", "a"})}};
  all.add({{{"lvsctl", "b"}, {"lvsctl", "a"}}, {command({"ip", "b"}), setting("2")}});
  EXPECT_EQ(all.commands, (std::vector<Commands>{{"lvsctl", "a"}, {"lvsctl", "b"}}));
  ASSERT_EQ(all.steps.size(), 3U);
  EXPECT_EQ(all.steps[0].value, "2") << "the later one";
  EXPECT_EQ(all.steps[2].apply, (Commands{"ip", "b"}));
  const auto files = persist(all, Persistence::systemd, "/root");
  ASSERT_EQ(files.size(), 1U);
  EXPECT_NE(files[0].value.find("\nExecStart=-lvsctl a\nExecStart=lvsctl b\n"), std::string::npos);
  EXPECT_TRUE(is_persisted(files[0].what, "/root"));
  EXPECT_FALSE(is_persisted(files[0].what, ""));
}

TEST(RealServerFiles, WordsOfAUnitAreQuoted) {
  EXPECT_EQ(quote_for_systemd("/etc/lvsd/lvsd.yaml"), "/etc/lvsd/lvsd.yaml");
  EXPECT_EQ(quote_for_systemd("/a b/50%/$x"), R"("/a b/50%%/$$x")");
  EXPECT_EQ(quote_for_systemd(R"(q"\)"), R"("q\"\\")");
  EXPECT_EQ(quote_for_systemd(""), R"("")");
  Host host;
  host.role(DirectRouting{});
  const Files files = files_of(host, Persistence::systemd, {"/usr/sbin/lvsctl", "/my file"});
  EXPECT_NE(files.steps.at(0).value.find("\nExecStart=/usr/sbin/lvsctl \"/my file\"\n"),
            std::string::npos);
}

// `systemctl enable` links a unit where it is wanted, which it cannot undo once the file is gone.
TEST(RealServerUndo, AUnitIsNoLongerWanted) {
  namespace fs = std::filesystem;
  const fs::path units = fs::path(testing::TempDir()) / ("lvsd-units-" + std::to_string(getpid()));
  const fs::path unit = units / "lvsd-realserver.service";
  const fs::path wants = units / "multi-user.target.wants", needs = units / "a.service.requires";
  fs::create_directories(wants);
  fs::create_directories(needs);
  std::ofstream(unit) << "[Unit]\n";
  fs::create_symlink(unit, wants / unit.filename());
  fs::create_symlink(unit, needs / unit.filename());
  fs::create_symlink("/lib/systemd/system/cron.service", wants / "cron.service");
  Step step;
  step.kind = StepKind::file;
  step.what = unit;
  EXPECT_TRUE(take_back(step));
  EXPECT_FALSE(fs::exists(unit));
  EXPECT_FALSE(fs::is_symlink(wants / unit.filename()));
  EXPECT_FALSE(fs::is_symlink(needs / unit.filename()));
  EXPECT_TRUE(fs::is_symlink(wants / "cron.service"));
  fs::remove_all(units);
}

TEST(RealServerUndo, WhatIsSoAlreadyIsNoFailure) {
  const Commands add{"ip", "addr", "add", "10.0.3.100/32", "dev", "eth0"};
  const Commands del{"ip", "addr", "del", "10.0.3.100/32", "dev", "lo"};
  for (const char* there :
       {"RTNETLINK answers: File exists", "Error: ipv4: Address already assigned.",
        "Error: ipv6: address already assigned."}) {
    EXPECT_TRUE(is_so_already(add, there)) << there;
    EXPECT_FALSE(is_so_already(del, there)) << there;
  }
  EXPECT_TRUE(is_so_already(del, "RTNETLINK answers: Cannot assign requested address"));
  EXPECT_FALSE(is_so_already(add, "RTNETLINK answers: Operation not permitted"));
}

TEST(RealServerState, ReadsWhatItWrote) {
  Host host;
  host.role(DirectRouting{});
  const auto steps = host.plan()->steps;
  const auto read = parse_state(format_state({steps, {{{"lvsctl", "apply"}}, steps}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->lasting.commands, (std::vector<Commands>{{"lvsctl", "apply"}}));
  ASSERT_EQ(read->steps.size(), steps.size());
  ASSERT_EQ(read->lasting.steps.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(command_text(read->steps[i]), command_text(steps[i]));
    EXPECT_EQ(command_text(read->lasting.steps[i]), command_text(steps[i]));
    EXPECT_EQ(read->steps[i].before, steps[i].before);
    EXPECT_EQ(read->steps[i].undo, steps[i].undo);
  }
}

TEST(RealServerState, RefusesEveryPrefixAndNonsense) {
  Host host;
  host.role(DirectRouting{});
  const auto steps = host.plan()->steps;
  const std::string text = format_state({steps, {{{"lvsctl", "apply"}}, steps}});
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    EXPECT_FALSE(parse_state(std::string_view(text).substr(0, length))) << length;
  }
  EXPECT_TRUE(parse_state(R"({"version": 1, "steps": []})"));
  EXPECT_FALSE(parse_state(R"({"version": 1, "steps": [], "lasting": {"steps": []}})"));
  EXPECT_FALSE(parse_state(R"({"version": 2, "steps": []})"));
  EXPECT_FALSE(parse_state(R"({"version": 1, "steps": [{"kind": "rm"}]})"));
}

}  // namespace
}  // namespace lvsd::realserver
