// SPDX-License-Identifier: GPL-2.0-or-later
// The doctor's judgement and its reading of frames: what needs no network.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "doctor/frames.h"
#include "lvsd/doctor/judge.h"
#include "lvsd/net/checksum.h"

namespace lvsd::doctor {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
const Mac kOwn({2, 0, 0, 0, 0, 1}), kServer({2, 0, 0, 0, 0, 11}), kStranger({2, 0, 0, 0, 0, 66});
constexpr Port kHttp{std::uint16_t{80}}, kMine{std::uint16_t{61005}};

Evidence healthy(ForwardingMethod method) {
  Evidence evidence;
  VirtualService service;
  service.name = "web";
  service.key = {ServiceProtocol::tcp, {ip("10.0.1.100"), kHttp}};
  service.destinations = {{{ip("10.0.2.11"), kHttp}, method, Weight()}};
  evidence.config.services = {service};
  evidence.host.daemon = evidence.host.rules_known = evidence.host.rules_v4 = true;
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
      {"rules", DirectRouting{}, [](Evidence& e) { e.host.rules_v4 = false; }, {"rules-missing"}},
      {"shadow", DirectRouting{}, [](Evidence& e) { e.host.shadows = {"x"}; }, {"rules-shadowed"}},
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
       {"no-answer"}},
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
       [](Evidence& e) { first(e).returned.reply = Reply::silence; },
       {"nat-wrong-gateway"}},
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

// ---- frames
// --------------------------------------------------------------------------------------
TEST(DoctorFrames, AnswersAreRead) {
  const IpAddress vip = ip("10.0.1.100"), own = ip("10.0.2.1");
  const auto asked = parse_frame(question_frame(kOwn, own, vip));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Heard::Kind::question);
  EXPECT_EQ(asked->address, vip);
  EXPECT_EQ(asked->sender, own);
  const auto segment = parse_frame(frame_of(kOwn, kServer, syn(vip, kHttp, own, kMine)));
  ASSERT_TRUE(segment);
  EXPECT_EQ(segment->kind, Heard::Kind::segment);
  EXPECT_EQ(segment->tuple.destination_port, kMine);
  EXPECT_EQ(segment->mac, kServer);
}

TEST(DoctorFrames, Ipv6QuestionsAreRead) {
  const auto asked = parse_frame(question_frame(kOwn, ip("fd00::1"), ip("fd00::100")));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Heard::Kind::question);
  EXPECT_EQ(asked->address, ip("fd00::100"));
}

TEST(DoctorFrames, EveryPrefixIsHarmless) {
  const IpAddress own = ip("10.0.2.1"), vip = ip("10.0.1.100");
  const Bytes inner = syn(own, kMine, vip, kHttp, 100);
  for (const Bytes& frame :
       {question_frame(kOwn, own, vip), question_frame(kOwn, ip("fd00::1"), ip("fd00::2")),
        frame_of(kOwn, kServer, inner), frame_of(kOwn, kServer, echo(own, kMine, vip)),
        frame_of(kOwn, kServer, datagram(own, kMine, vip, kHttp)),
        frame_of(kOwn, kServer, tunnelled(inner, Tunnel{}, own, ip("10.0.2.11"), true))}) {
    for (std::size_t length = 0; length < frame.size(); ++length) {
      static_cast<void>(parse_frame(std::span<const std::byte>(frame).first(length)));
    }
  }
}

TEST(DoctorFrames, AnErrorAboutATunnelNamesThePacketInside) {
  const IpAddress own = ip("10.0.2.1"), vip = ip("10.0.1.100"), server = ip("10.0.2.11");
  const Bytes inner = syn(own, kMine, vip, kHttp);
  for (const Tunnel& tunnel :
       {Tunnel{}, Tunnel{.encapsulation = Encapsulation::gre},
        Tunnel{.encapsulation = Encapsulation::gue, .port = Port{std::uint16_t{6080}}}}) {
    const Bytes outer = tunnelled(inner, tunnel, own, server, true);
    Ipv4Header ip4;
    IcmpHeader icmp;
    icmp.type = 3;
    icmp.code = 13;
    ip4.total_length = Be16(static_cast<std::uint16_t>(sizeof(ip4) + sizeof(icmp) + outer.size()));
    ip4.ttl = 64;
    ip4.protocol = 1;
    ip4.source = server.v4();
    ip4.destination = own.v4();
    finish_checksum(ip4);
    Bytes packet(sizeof(ip4) + sizeof(icmp));
    store(std::span(packet), ip4);
    store(std::span(packet), icmp, sizeof(ip4));
    packet.insert(packet.end(), outer.begin(), outer.end());
    const auto heard = parse_frame(frame_of(kOwn, kServer, packet));
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->kind, Heard::Kind::error);
    EXPECT_TRUE(heard->quotes_tunnel);
    EXPECT_EQ(heard->address, server);
    ASSERT_TRUE(heard->has_inner);
    EXPECT_EQ(heard->tuple.destination, vip);
    EXPECT_EQ(heard->tuple.source_port, kMine);
  }
}

}  // namespace
}  // namespace lvsd::doctor
