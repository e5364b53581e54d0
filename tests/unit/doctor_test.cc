// SPDX-License-Identifier: GPL-2.0-or-later
// The doctor's judgement, which needs no network.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lvsd/doctor/judge.h"

namespace lvsd::doctor {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
const Mac kServer({2, 0, 0, 0, 0, 11}), kStranger({2, 0, 0, 0, 0, 66});
constexpr Port kHttp{std::uint16_t{80}};

Evidence healthy(ForwardingMethod method) {
  Evidence evidence;
  VirtualService service;
  service.name = "web";
  service.key = {ServiceProtocol::tcp, {ip("10.0.1.100"), kHttp}};
  service.destinations = {{{ip("10.0.2.11"), kHttp}, method, Weight()}};
  evidence.config.services = {service};
  evidence.host.daemon = evidence.host.rules_known = true;
  evidence.host.daemon_pid = 7;
  evidence.host.queues = {{0, true, 7, "lvsd"}};
  evidence.vips = {{ip("10.0.1.100"), true, "cl", {}}};
  DestinationEvidence seen;
  seen.service = "web";
  seen.virtual_service = service;
  seen.destination = service.destinations[0];
  seen.hop = NextHop{.gateway = ip("10.0.2.11"), .source = ip("10.0.2.1")};
  seen.interface = "be";
  seen.macs = {kServer};
  seen.direct.reply = Reply::accepted;
  if (!std::holds_alternative<Masquerade>(method)) seen.path.reply = Reply::accepted;
  evidence.destinations = {seen};
  return evidence;
}

std::set<std::string> names(const Evidence& evidence) {
  std::set<std::string> out;
  for (const Finding& finding : judge(evidence)) {
    EXPECT_FALSE(finding.what.empty());
    EXPECT_FALSE(finding.evidence.empty());
    EXPECT_FALSE(finding.remedy.empty());
    const auto known = finding_names();
    EXPECT_NE(std::find(known.begin(), known.end(), finding.name), known.end()) << finding.name;
    out.emplace(finding.name);
  }
  return out;
}

using Names = std::set<std::string>;
using Change = void (*)(Evidence&);
DestinationEvidence& first(Evidence& evidence) { return evidence.destinations[0]; }

struct Row {
  const char* what;
  ForwardingMethod method;
  Change change;
  Names expected;
};

Finding only(const Evidence& evidence) {
  const std::vector<Finding> findings = judge(evidence);
  EXPECT_EQ(findings.size(), 1U);
  return findings.empty() ? Finding() : findings.front();
}

// As one would type it.
TEST(DoctorJudge, RemediesAreWholeCommands) {
  Evidence evidence = healthy(DirectRouting{});
  first(evidence).path.reply = Reply::silence;
  EXPECT_EQ(only(evidence).remedy,
            "there: lvsctl realserver apply --vip 10.0.1.100 --method dr --director 10.0.2.1 "
            "--address 10.0.2.11 --port 80 --protocol tcp");
  evidence =
      healthy(Tunnel{.encapsulation = Encapsulation::gue, .port = Port{std::uint16_t{7000}}});
  first(evidence).path.reply = Reply::silence;
  first(evidence).inner_real.reply = Reply::accepted;
  EXPECT_EQ(only(evidence).remedy,
            "there: lvsctl realserver apply --vip 10.0.1.100 --method tun --director 10.0.2.1 "
            "--address 10.0.2.11 --port 80 --protocol tcp --tunnel gue --gue-port 7000");
  first(evidence).destination.endpoint.port = Port();
  EXPECT_NE(only(evidence).remedy.find("--port any --protocol tcp --tunnel gue"),
            std::string::npos);
  evidence = healthy(Masquerade{});
  first(evidence).network = Prefix::parse("10.0.0.0/16");
  first(evidence).asked_for_neighbour = true;
  EXPECT_NE(only(evidence).remedy.find(" --port 80 --protocol tcp --clients 10.0.0.0/16, so"),
            std::string::npos);
}

// Where the way tells what it takes, large packets are cut to that.
TEST(DoctorJudge, APathWithAnMtuOfItsOwnIsANote) {
  Evidence evidence = healthy(Tunnel{});
  first(evidence).full_bytes = 1500;
  first(evidence).full_size = {Reply::error, false, 3, 4, ip("10.0.2.254"), 1400};
  const Finding finding = only(evidence);
  EXPECT_EQ(finding.name, "tunnel-mtu");
  EXPECT_EQ(finding.severity, Severity::note);
  EXPECT_NE(finding.what.find("1400 bytes"), std::string::npos) << finding.what;
}

TEST(DoctorJudge, WhatIsTrueOfTheHostNamesItsServices) {
  Evidence evidence = healthy(DirectRouting{});
  evidence.host.daemon = false;
  EXPECT_EQ(only(evidence).services, std::vector<std::string>{"web"});
  evidence = healthy(DirectRouting{});
  evidence.vips[0].claims = {{"cl", kStranger}};
  EXPECT_EQ(only(evidence).services, std::vector<std::string>{"web"});
}

TEST(DoctorJudge, WhatCannotBeToldIsNoFault) {
  Evidence evidence = healthy(DirectRouting{});
  evidence.host.uncaptured = {"web"};
  evidence.host.rules_known = false;
  EXPECT_EQ(only(evidence).severity, Severity::unknown);
  evidence = healthy(Masquerade{});
  first(evidence).virtual_service.key.protocol = ServiceProtocol::sctp;
  first(evidence).client = ip("198.51.100.77");
  first(evidence).returned_echo.reply = Reply::silence;
  EXPECT_EQ(only(evidence).name, "nat-wrong-gateway");
  EXPECT_EQ(only(evidence).severity, Severity::unknown);
}

TEST(DoctorJudge, NamesOneFaultForOneCause) {
  const std::vector<Row> rows{
      {"nothing", DirectRouting{}, [](Evidence&) {}, {}},
      {"daemon",
       DirectRouting{},
       [](Evidence& e) { e.host.daemon = false; },
       {"daemon-not-running"}},
      {"queue",
       DirectRouting{},
       [](Evidence& e) {
         e.host.daemon = false;
         e.host.queues[0].pid = 8;
       },
       {"queue-taken"}},
      {"unread", DirectRouting{}, [](Evidence& e) { e.host.queues[0] = {}; }, {"queue-unread"}},
      {"rules",
       DirectRouting{},
       [](Evidence& e) { e.host.uncaptured = {"web"}; },
       {"rules-missing"}},
      {"shadow",
       DirectRouting{},
       [](Evidence& e) {
         e.host.shadows = {{"x", {"web"}, true}};
       },
       {"rules-shadowed"}},
      {"neighbours nearly full",
       DirectRouting{},
       [](Evidence& e) {
         e.host.neighbors_v4 = {922, 1024};
       },
       {"neighbor-table-full"}},
      {"neighbours",
       DirectRouting{},
       [](Evidence& e) {
         e.host.neighbors_v6 = {900, 1024};
       },
       {}},
      {"redirects without forwarding",
       Masquerade{},
       [](Evidence& e) { e.host.redirecting = {"be"}; },
       {}},
      {"redirects",
       Masquerade{},
       [](Evidence& e) {
         e.host.redirecting = {"be"};
         e.host.forwards_v4 = true;
       },
       {"sends-redirects", "ip-forward"}},
      {"late",
       DirectRouting{},
       [](Evidence& e) {
         e.host.strict = {"cl"};
         e.config.startup.stage = CaptureStage::late;
       },
       {"rp-filter"}},
      {"vip", DirectRouting{}, [](Evidence& e) { e.vips[0].local = false; }, {"vip-not-local"}},
      {"vip routed",
       DirectRouting{},
       [](Evidence& e) {
         e.vips[0] = {ip("10.0.1.100"), false, "", {}};
         e.config.announce.enabled = false;
       },
       {"vip-elsewhere"}},
      {"arp",
       DirectRouting{},
       [](Evidence& e) {
         e.vips[0].claims = {{"be", kServer}};
       },
       {"realserver-answers-arp"}},
      {"stranger",
       DirectRouting{},
       [](Evidence& e) {
         e.vips[0].claims = {{"cl", kStranger}};
       },
       {"two-directors"}},
      {"route", DirectRouting{}, [](Evidence& e) { first(e).hop.reset(); }, {"no-route"}},
      {"link", DirectRouting{}, [](Evidence& e) { first(e).link_up = false; }, {"link-down"}},
      {"away",
       DirectRouting{},
       [](Evidence& e) {
         first(e).macs.clear();
         first(e).path.reply = first(e).direct.reply = Reply::silence;
       },
       {"neighbor-unresolved"}},
      {"off link",
       DirectRouting{},
       [](Evidence& e) { first(e).hop->gateway = ip("10.0.2.254"); },
       {"dr-off-link"}},
      {"no MACs", DirectRouting{}, [](Evidence& e) { first(e).has_mac = false; }, {"dr-off-link"}},
      {"two MACs",
       DirectRouting{},
       [](Evidence& e) {
         first(e).macs = {kServer, kStranger};
       },
       {"duplicate-arp"}},
      {"dr: vip",
       DirectRouting{},
       [](Evidence& e) { first(e).path.reply = Reply::silence; },
       {"vip-missing"}},
      {"dr: listens on the vip alone",
       DirectRouting{},
       [](Evidence& e) { first(e).direct.reply = Reply::refused; },
       {}},
      {"dr: port",
       DirectRouting{},
       [](Evidence& e) { first(e).path.reply = Reply::refused; },
       {"port-closed"}},
      {"dr: silent",
       DirectRouting{},
       [](Evidence& e) { first(e).path.reply = first(e).direct.reply = Reply::silence; },
       {"port-silent"}},
      {"dr: silent, and so is an echo",
       DirectRouting{},
       [](Evidence& e) {
         first(e).virtual_service.key.protocol = ServiceProtocol::udp;
         first(e).path.reply = first(e).direct.reply = Reply::silence;
       },
       {"no-answer"}},
      {"dr: a firewall drops the port of the VIP alone",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path.reply = Reply::silence;
         first(e).echo_direct.reply = first(e).echo_path.reply = Reply::accepted;
       },
       {"port-silent"}},
      {"dr: the VIP does not answer an echo either",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path.reply = first(e).echo_path.reply = Reply::silence;
         first(e).echo_direct.reply = Reply::accepted;
       },
       {"vip-missing"}},
      {"dr: answers that do not arrive",
       DirectRouting{},
       [](Evidence& e) {
         first(e).client = ip("10.0.1.1");
         first(e).client_is_near_vip = true;
         first(e).returned.reply = Reply::silence;
         first(e).client_arp.reply = Reply::accepted;
       },
       {"no-way-back"}},
      {"dr: rp_filter",
       DirectRouting{},
       [](Evidence& e) {
         first(e).client = ip("10.0.1.1");
         first(e).client_is_near_vip = true;
         first(e).returned.reply = first(e).client_arp.reply = Reply::silence;
       },
       {"realserver-rp-filter"}},
      {"dr: answers that arrive",
       DirectRouting{},
       [](Evidence& e) {
         first(e).client = ip("10.0.1.1");
         first(e).client_is_near_vip = true;
         first(e).returned.reply = Reply::accepted;
         first(e).client_arp.reply = Reply::silence;  // arp_ignore=2
       },
       {}},
      {"dr: answers that nobody here sees",
       DirectRouting{},
       [](Evidence& e) {
         first(e).client = ip("198.51.100.77");
         first(e).returned.reply = Reply::silence;
         first(e).client_arp.reply = Reply::accepted;
       },
       {"way-back-unseen"}},
      {"dr: no free address to ask as",
       DirectRouting{},
       [](Evidence& e) {
         first(e).network = Prefix::parse("10.0.2.8/30");
         first(e).network_full = true;
       },
       {"not-asked"}},
      {"dr: speaks",
       DirectRouting{},
       [](Evidence& e) { first(e).speaks_for_vip = kServer; },
       {"arp-announce"}},
      {"tun: no decapsulator",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 2, ip("10.0.2.11")};
       },
       {"decapsulator-missing"}},
      {"tun: not trusted",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 13, ip("10.0.2.11")};
       },
       {"decapsulator-untrusting"}},
      {"tun: not trusted, IPv6",
       Tunnel{},
       [](Evidence& e) {
         first(e).destination.endpoint.address = ip("fd00:2::11");
         first(e).path = {Reply::error, true, 1, 1, ip("fd00:2::11")};
       },
       {"decapsulator-untrusting"}},
      {"tun: a router, of a server that is off",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 1, ip("10.0.2.254")};
       },
       {"no-answer"}},
      {"tun: a router that forbids it",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 13, ip("10.0.2.254")};
       },
       {"no-answer"}},
      {"dr: a firewall",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 13, ip("10.0.2.11")};
       },
       {"rejected"}},
      {"dr: a firewall, in the name of the VIP",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 3, ip("10.0.1.100")};
       },
       {"rejected"}},
      {"dr: a router's firewall",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 3, ip("10.0.2.254")};
       },
       {"no-answer"}},
      {"dr: no way to the VIP from there",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 1, ip("10.0.2.11")};
       },
       {"no-answer"}},
      {"dr: a firewall that takes no echo requests",
       DirectRouting{},
       [](Evidence& e) {
         first(e).virtual_service.key.protocol = ServiceProtocol::udp;
         first(e).path = {Reply::error, false, 3, 3, ip("10.0.1.100")};
       },
       {"no-answer"}},
      {"tun: a firewall behind the tunnel",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 3, ip("10.0.1.100")};
       },
       {"rejected"}},
      {"tun: a firewall before it",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 10, ip("10.0.2.11")};
       },
       {"rejected"}},
      {"tun: datagrams",
       Tunnel{},
       [](Evidence& e) {
         first(e).datagram = {Reply::error, false, 3, 3, ip("10.0.1.100")};
       },
       {"port-closed"}},
      {"nat: a firewall that rejects clients",
       Masquerade{},
       [](Evidence& e) {
         first(e).returned = {Reply::error, false, 3, 3, ip("10.0.2.11")};
       },
       {"rejected"}},
      {"nat: a firewall, of datagrams",
       Masquerade{},
       [](Evidence& e) {
         first(e).datagram = {Reply::error, false, 3, 13, ip("10.0.2.11")};
       },
       {"rejected"}},
      {"nat: a firewall",
       Masquerade{},
       [](Evidence& e) {
         first(e).direct = {Reply::error, false, 3, 10, ip("10.0.2.11")};
       },
       {"rejected"}},
      {"tun: not there",
       Tunnel{},
       [](Evidence& e) {
         first(e).path = {Reply::error, false, 3, 1, ip("10.0.2.11")};
       },
       {"vip-missing"}},
      {"tun: the kernel's, without the vip",
       Tunnel{},
       [](Evidence& e) {
         first(e).path.reply = Reply::silence;
         first(e).inner_real.reply = Reply::accepted;
       },
       {"vip-missing"}},
      {"tun: dropped behind it",
       Tunnel{},
       [](Evidence& e) {
         first(e).path.reply = Reply::silence;
         first(e).inner_real.reply = Reply::silence;
       },
       {"realserver-rp-filter"}},
      {"tun: large",
       Tunnel{},
       [](Evidence& e) {
         first(e).full_size.reply = Reply::silence;
         first(e).full_bytes = 1500;
       },
       {"tunnel-mtu"}},
      {"nat: gateway",
       Masquerade{},
       [](Evidence& e) {
         first(e).client = ip("198.51.100.77");
         first(e).returned.reply = Reply::silence;
       },
       {"nat-wrong-gateway"}},
      {"nat: gateway, of datagrams",
       Masquerade{},
       [](Evidence& e) {
         first(e).virtual_service.key.protocol = ServiceProtocol::udp;
         first(e).client = ip("198.51.100.77");
         first(e).datagram.reply = Reply::accepted;
         first(e).returned.reply = first(e).returned_echo.reply = Reply::silence;
       },
       {"nat-wrong-gateway"}},
      {"nat: datagrams that nobody answers, but echoes come back",
       Masquerade{},
       [](Evidence& e) {
         first(e).virtual_service.key.protocol = ServiceProtocol::udp;
         first(e).client = ip("198.51.100.77");
         first(e).datagram.reply = first(e).returned.reply = Reply::silence;
         first(e).returned_echo.reply = Reply::accepted;
       },
       {}},
      {"nat: clients of its network are answered elsewhere",
       Masquerade{},
       [](Evidence& e) {
         first(e).network = Prefix::parse("10.0.0.0/16");
         first(e).returned_on_link.reply = Reply::silence;
       },
       {"nat-client-bypass"}},
      {"dr: datagrams are answered, but no echo requests",
       DirectRouting{},
       [](Evidence& e) {
         first(e).virtual_service.key.protocol = ServiceProtocol::udp;
         first(e).path.reply = first(e).direct.reply = Reply::silence;
         first(e).datagram.reply = Reply::accepted;
       },
       {}},
      {"nat: silent",
       Masquerade{},
       [](Evidence& e) { first(e).direct.reply = Reply::silence; },
       {"port-silent"}},
      {"nat: a router answers for it, and nobody else",
       Masquerade{},
       [](Evidence& e) {
         first(e).hop->gateway = ip("10.0.2.254");
         first(e).direct.reply = Reply::silence;
       },
       {"no-answer"}},
      {"nat: asks for a neighbour, in the name of another service",
       Masquerade{},
       [](Evidence& e) {
         first(e).asked_for_neighbour = true;
         first(e).returned_on_link.reply = Reply::accepted;
       },
       {}},
      {"nat: bypass",
       Masquerade{},
       [](Evidence& e) { first(e).asked_for_neighbour = true; },
       {"nat-client-bypass"}},
      {"nat: port",
       Masquerade{},
       [](Evidence& e) {
         first(e).direct.reply = Reply::refused;
         first(e).returned.reply = Reply::silence;
       },
       {"port-closed"}},
      {"nat: datagrams",
       Masquerade{},
       [](Evidence& e) {
         first(e).datagram = {Reply::error, false, 3, 3, ip("10.0.2.11")};
       },
       {"port-closed"}},
      {"ipv6 redirects, which a rule of lvsd drops",
       Masquerade{},
       [](Evidence& e) {
         first(e).virtual_service.key.listen.address = ip("fd00:2::100");
         first(e).network = Prefix::parse("fd00:2::/64");
         e.host.forwards_v6 = true;
       },
       {"ip-forward"}},
      {"arp by another interface",
       DirectRouting{},
       [](Evidence& e) {
         e.vips[0].claims = {{"cl", kStranger, ip("10.0.2.11")}};
       },
       {"realserver-answers-arp"}},
      {"standby",
       DirectRouting{},
       [](Evidence& e) {
         e.config.announce.enabled = e.vips[0].local = false;
         e.vips[0].claims = {{"cl", kStranger}};
       },
       {"vip-elsewhere"}},
      {"standby, a server answers",
       DirectRouting{},
       [](Evidence& e) {
         e.config.announce.enabled = e.vips[0].local = false;
         e.vips[0].claims = {{"cl", kStranger}, {"be", kServer}};
       },
       {"vip-elsewhere", "realserver-answers-arp"}},
      {"active without announcing",
       DirectRouting{},
       [](Evidence& e) {
         e.config.announce.enabled = false;
         e.vips[0].claims = {{"cl", kStranger}};
       },
       {"two-directors"}},
      {"tun: no MACs",
       Tunnel{},
       [](Evidence& e) {
         first(e).has_mac = false;
         first(e).path = first(e).direct = {};
       },
       {"not-asked"}},
      {"dr: by mark", DirectRouting{}, [](Evidence& e) { first(e).path = {}; }, {"not-asked"}},
      {"dr: datagrams",
       DirectRouting{},
       [](Evidence& e) {
         first(e).path = {};
         first(e).datagram.reply = Reply::silence;
       },
       {}},
      {"nat: no address to ask with",
       Masquerade{},
       [](Evidence& e) { first(e).direct = {}; },
       {"not-asked"}},
      {"an address of this host",
       DirectRouting{},
       [](Evidence& e) {
         first(e).local = true;
         first(e).macs.clear();
       },
       {"not-asked"}},
  };
  for (const Row& row : rows) {
    Evidence evidence = healthy(row.method);
    row.change(evidence);
    EXPECT_EQ(names(evidence), row.expected) << row.what;
  }
}

}  // namespace
}  // namespace lvsd::doctor
