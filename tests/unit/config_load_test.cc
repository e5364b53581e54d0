// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <sstream>

#include "lvsd/config/check.h"
#include "lvsd/config/file.h"
#include "lvsd/config/load.h"
#include "lvsd/config/workers.h"
#include "support/config_samples.h"

namespace lvsd {
namespace {

Config parsed(const std::string& text) {
  const Result<Config, Problems> config = parse_config(text);
  if (!config) {
    for (const Problem& problem : config.error().list) ADD_FAILURE() << to_string(problem, "F");
    return {};
  }
  return *config;
}

TEST(Load, EverythingHasADefault) {
  EXPECT_EQ(parsed("services: []"), Config());
  const Config config =
      parsed("services: [{listen: 192.0.2.10:80/tcp, destinations: [{address: 10.0.0.11}]}]");
  const VirtualService& service = config.services.at(0);
  EXPECT_EQ(service.name, "192.0.2.10:80/tcp");
  EXPECT_EQ(service.scheduler, SchedulerKind::wlc);
  const Destination& destination = service.destinations.at(0);
  EXPECT_EQ(to_string(destination.endpoint), "10.0.0.11:80");
  EXPECT_EQ(to_string(destination.method), "dr");
  EXPECT_EQ(destination.weight.value(), 1);
}

TEST(Load, EveryKeyIsTaken) {
  const Config config = parsed(
      "director:\n"
      "  workers: auto\n"
      "  cpus: 2-4,0\n"
      "  overload: bypass\n"
      "  capture: {backend: nft, stage: late, queue: 17, queue_length: 99, queue_bypass: true}\n"
      "  announce: {interface: eth0.100, defend: 5s}\n"
      "  connections: {limit: 4}\n"
      "timeouts: {tcp: 15m, tcp_fin: 500ms, udp: 31d}\n"
      "services:\n"
      "  - name: dns\n"
      "    listen: 192.0.2.10:53/udp\n"
      "    method: nat\n"
      "    scheduler: sh\n"
      "    destinations:\n"
      "      - {address: 10.0.0.11:5353, weight: 0}\n"
      "      - {address: 10.0.0.12, weight: 65535}\n"
      "      - {address: 10.0.0.13, method: tun}\n");
  EXPECT_EQ(config.startup.workers, 0U);  // to be counted where lvsd runs
  EXPECT_EQ(config.startup.cpus, (std::vector<unsigned>{2, 3, 4, 0}));
  EXPECT_EQ(config.startup.overload, Overload::bypass);
  EXPECT_EQ(config.startup.queue_length, 99U);
  EXPECT_EQ(config.startup.backend, CaptureBackend::nft);
  EXPECT_EQ(config.startup.stage, CaptureStage::late);
  EXPECT_EQ(config.startup.queue, 17);
  EXPECT_TRUE(config.startup.queue_bypass);
  EXPECT_EQ(config.startup.connection_limit, 4U);
  EXPECT_EQ(config.announce, (Announce{true, "eth0.100", std::chrono::seconds(5)}));
  EXPECT_EQ(config.timeouts.tcp, std::chrono::minutes(15));
  EXPECT_EQ(config.timeouts.tcp_fin, std::chrono::milliseconds(500));
  EXPECT_EQ(config.timeouts.udp, std::chrono::seconds(2678400));
  const VirtualService& dns = config.services.at(0);
  EXPECT_EQ(dns.name, "dns");
  EXPECT_EQ(to_string(dns.key), "192.0.2.10:53/udp");
  EXPECT_EQ(dns.scheduler, SchedulerKind::sh);
  EXPECT_EQ(to_string(dns.destinations.at(0).endpoint), "10.0.0.11:5353");
  EXPECT_EQ(dns.destinations.at(0).weight.value(), 0);
  EXPECT_EQ(to_string(dns.destinations.at(1).endpoint), "10.0.0.12:53");
  EXPECT_EQ(dns.destinations.at(1).weight.value(), 65535);
  EXPECT_EQ(to_string(dns.destinations.at(1).method), "nat");
  EXPECT_EQ(to_string(dns.destinations.at(2).method), "tun");
}

// The shortest mask of each family; what goes by something else leaves nothing to go by.
TEST(Load, SteeringFollowsFromPersistence) {
  const auto prefix_of = [](const std::string& persistence) {
    return parsed(
               "director: {workers: 2}\nservices:\n"
               "  - {listen: 192.0.2.10:53/udp, persistence: " +
               persistence +
               ", destinations: []}\n"
               "  - {listen: 192.0.2.11:53/udp, persistence: 60s, destinations: []}\n"
               "  - {listen: '[2001:db8::1]:53/udp', persistence: {netmask: 64}, "
               "destinations: []}\n")
        .startup.steering;
  };
  EXPECT_EQ(prefix_of("60s"), (SteeringPrefix{32, 64}));
  EXPECT_EQ(prefix_of("{netmask: 24}"), (SteeringPrefix{24, 64}));
  EXPECT_EQ(prefix_of("{netmask: 0}"), (SteeringPrefix{0, 64}));
  EXPECT_EQ(prefix_of("{engine: sip}"), (SteeringPrefix{0, 64}));
}

TEST(Load, WhatKeepsAllClientsTogetherIsSaidWhereThereAreWorkers) {
  const std::string services =
      "services: [{listen: 192.0.2.10:53/udp, persistence: {netmask: 0}, destinations: []}]";
  EXPECT_TRUE(check_steering(parsed(services)).empty());
  const auto found = check_steering(parsed("director: {workers: 2}\n" + services));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(to_string(found[0], "F"),
            "F: services[0].persistence: netmask 0 keeps all clients together, so that one worker "
            "serves all of IPv4; set a longer netmask, or 'workers: 1'");
}

TEST(Load, AnnounceCanBeOff) {
  EXPECT_FALSE(parsed("director: {announce: false}\nservices: []").announce.enabled);
  const Announce passive = parsed("director: {announce: {defend: never}}\nservices: []").announce;
  EXPECT_EQ(passive, (Announce{true, "", Duration::zero()}));
}

TEST(Load, SameAddressAndPortForTcpAndUdp) {
  const Config config = parsed(
      "services:\n  - {listen: 192.0.2.10:53/tcp, destinations: []}\n"
      "  - {listen: 192.0.2.10:53/udp, destinations: []}\n");
  EXPECT_EQ(config.services.size(), 2U);
}

TEST(Show, ParsesBackToTheSame) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("LVSD_SEED=" + std::to_string(test::seed()));
  for (int i = 0; i < 300; ++i) {
    const Config config = test::random_config(random);
    const std::string text = show_config(config);
    EXPECT_EQ(parsed(text), config) << text;
  }
}

TEST(Show, FillsInEveryDefault) {
  EXPECT_EQ(show_config(parsed("services: [{listen: 192.0.2.10:80/tcp, destinations: "
                               "[{address: 10.0.0.1}]}]")),
            "director:\n"
            "  workers: 1\n"
            "  overload: drop-new\n"
            "  capture: {backend: auto, stage: early, queue: 0, queue_length: 16384, "
            "queue_bypass: false, super_packets: true, probe_marks: 19542}\n"
            "  announce: {defend: 1s}\n"
            "  connections: {limit: 1048576}\n"
            "  recorder: {drops: 256, bytes: 256, decisions: 16}\n"
            "  metrics: false\n"
            "timeouts: {tcp: 900s, tcp_fin: 120s, udp: 300s}\n"
            "ipvs:\n"
            "  expire_quiescent_template: false\n"
            "  conn_reuse_mode: 1\n"
            "  sloppy_tcp: false\n"
            "  sloppy_sctp: false\n"
            "  schedule_icmp: false\n"
            "  cache_bypass: false\n"
            "  nat_icmp_send: false\n"
            "  snat_reroute: true\n"
            "  drop_entry: off\n"
            "  drop_packet: off\n"
            "  secure_tcp: off\n"
            "  amemthresh: 1024\n"
            "  am_droprate: 10\n"
            "  lblc_expiration: 86400s\n"
            "  lblcr_expiration: 86400s\n"
            "services:\n"
            "  - name: 192.0.2.10:80/tcp\n"
            "    listen: 192.0.2.10:80/tcp\n"
            "    method: dr\n"
            "    scheduler: wlc\n"
            "    helper: none\n"
            "    destinations:\n"
            "      - {address: 10.0.0.1, weight: 1}\n");
}

TEST(Load, TunnelsOfServicesAndDestinations) {
  const Config config = parsed(
      "services:\n"
      "  - listen: 192.0.2.10:80/tcp\n"
      "    method: tun\n"
      "    tunnel: {type: gue, port: 6080, checksum: true}\n"
      "    oversize: fragment\n"
      "    destinations:\n"
      "      - {address: 10.0.0.1}\n"
      "      - {address: \"2001:db8::1\", tunnel: {type: gre}}\n"
      "      - {address: 10.0.0.3, method: tun}\n"
      "      - {address: 10.0.0.4, method: dr}\n");
  const VirtualService& service = config.services.at(0);
  const Tunnel gue{Encapsulation::gue, Port(std::uint16_t{6080}), TunnelChecksum::present};
  EXPECT_EQ(service.oversize, Oversize::fragment);
  EXPECT_EQ(service.destinations.at(0).method, ForwardingMethod(gue));
  EXPECT_EQ(service.destinations.at(1).method, ForwardingMethod(Tunnel{Encapsulation::gre}));
  EXPECT_EQ(service.destinations.at(2).method, ForwardingMethod(gue));
  EXPECT_EQ(service.destinations.at(3).method, ForwardingMethod(DirectRouting{}));
}

TEST(Load, OversizeOfTheFileIsWhatServicesBeginWith) {
  const Config config = parsed(
      "services:\n"
      "  - {listen: 192.0.2.10:80/tcp, destinations: []}\n"
      "  - {listen: 192.0.2.11:80/tcp, oversize: split, destinations: []}\n"
      "oversize: icmp\n");
  ASSERT_EQ(config.services.size(), 2U);
  EXPECT_EQ(config.services[0].oversize, Oversize::icmp);
  EXPECT_EQ(config.services[1].oversize, Oversize::split);
}

TEST(Load, PersistenceMarksAndOptions) {
  const Config config = parsed(
      "ipvs: {expire_nodest_conn: true, drop_packet: auto, conn_reuse_mode: 3}\n"
      "services:\n"
      "  - {listen: 192.0.2.10:80/tcp, persistence: 60s, destinations: []}\n"
      "  - {listen: 192.0.2.10/udp, persistence: {netmask: 24, engine: sip}, destinations: []}\n"
      "  - {fwmark: 7, one_packet: true, timeouts: {udp: 5s}, destinations: []}\n"
      "  - {fwmark: 7, family: ipv6, persistence: {netmask: 64}, destinations: []}\n");
  ASSERT_EQ(config.services.size(), 4U);
  EXPECT_EQ(config.ipvs.expire_nodest_conn, true);
  EXPECT_EQ(config.ipvs.drop_packet, DefenceMode::automatic);
  EXPECT_EQ(config.ipvs.conn_reuse_mode, 3);
  EXPECT_EQ(config.services[0].persistence, (Persistence{std::chrono::seconds(60)}));
  EXPECT_TRUE(config.services[1].key.is_any_port());
  EXPECT_EQ(config.services[1].persistence,
            (Persistence{std::chrono::seconds(300), 24, PersistenceEngine::sip}));
  EXPECT_EQ(config.services[2].key, ServiceKey::by_mark(7, true));
  EXPECT_TRUE(config.services[2].one_packet);
  EXPECT_EQ(config.services[2].timeouts.udp, std::chrono::seconds(5));
  EXPECT_EQ(config.services[3].key, ServiceKey::by_mark(7, false));
  EXPECT_EQ(config.services[3].persistence->netmask, 64);
  EXPECT_EQ(parsed(show_config(config)), config);
}

TEST(Load, HairpinNamesAnAddress) {
  const Config config = parsed(
      "services:\n"
      "  - {listen: 192.0.2.10:80/tcp, hairpin: {masquerade: 10.0.0.1}, destinations: []}\n"
      "  - {listen: \"[2001:db8::10]:80/tcp\", hairpin: {masquerade: fd00::1}, destinations: []}\n"
      "  - {fwmark: 7, hairpin: none, destinations: []}\n");
  EXPECT_EQ(config.services[0].hairpin, IpAddress::parse("10.0.0.1"));
  EXPECT_EQ(config.services[1].hairpin, IpAddress::parse("fd00::1"));
  EXPECT_EQ(config.services[2].hairpin, std::nullopt);
  EXPECT_EQ(parsed(show_config(config)), config);
}

TEST(Load, TheFtpHelperIsTheDefaultOnItsPort) {
  const Config config = parsed(
      "services:\n"
      "  - {listen: 192.0.2.10:21/tcp, destinations: []}\n"
      "  - {listen: 192.0.2.11:21/tcp, helper: none, destinations: []}\n"
      "  - {listen: 192.0.2.10:2121/tcp, destinations: []}\n"
      "  - {listen: 192.0.2.11:2121/tcp, helper: ftp, destinations: []}\n"
      "  - {listen: 192.0.2.10:21/udp, destinations: []}\n");
  ASSERT_EQ(config.services.size(), 5U);
  for (const std::size_t i : {0U, 1U, 2U, 3U, 4U}) {
    EXPECT_EQ(config.services[i].helper, i == 0 || i == 3 ? Helper::ftp : Helper::none) << i;
  }
  EXPECT_EQ(parsed(show_config(config)), config);
}

TEST(Load, SchedulersAndTheirFlags) {
  const Config config = parsed(
      "services:\n"
      "  - {listen: 192.0.2.10:80/tcp, scheduler: twos, destinations: []}\n"
      "  - {listen: 192.0.2.10:81/tcp, scheduler: mh, destinations: []}\n"
      "  - {listen: 192.0.2.10:82/tcp, scheduler: {name: sh, port: true}, destinations: []}\n"
      "  - {listen: 192.0.2.10:83/tcp, scheduler: {name: lblcr}, destinations: []}\n");
  ASSERT_EQ(config.services.size(), 4U);
  EXPECT_EQ(config.services[0].scheduler, SchedulerKind::twos);
  EXPECT_EQ(config.services[1].scheduler, SchedulerKind::mh);
  EXPECT_EQ(config.services[1].scheduler_flags, SchedulerFlags());
  EXPECT_EQ(config.services[2].scheduler, SchedulerKind::sh);
  EXPECT_EQ(config.services[2].scheduler_flags, (SchedulerFlags{.fallback = false, .port = true}));
  EXPECT_EQ(config.services[3].scheduler, SchedulerKind::lblcr);
  EXPECT_NE(show_config(config).find("scheduler: {name: sh, fallback: false, port: true}"),
            std::string::npos);
}

TEST(Check, PackagedFileIsGood) {
  std::ostringstream out, err;
  EXPECT_TRUE(check_file(LVSD_SOURCE_DIR "/etc/lvsd.yaml", out, err));
  EXPECT_EQ(err.str(), "");
  EXPECT_NE(out.str().find("lvsd.yaml: ok, "), std::string::npos);
}

TEST(Load, MetricsAreOffByDefaultAndOnLoopbackIfOn) {
  const auto metrics = [](const std::string& value) {
    const auto file = parse_file("director: {metrics: " + value + "}\nservices: []");
    EXPECT_TRUE(file) << value;
    return file ? file->metrics : std::nullopt;
  };
  const Endpoint usual{*IpAddress::parse("127.0.0.1"), Port(std::uint16_t{9811})};
  EXPECT_EQ(parse_file("services: []")->metrics, std::nullopt);
  ConfigFile shown = *parse_file("services: []");
  shown.metrics = usual;
  EXPECT_EQ(*parse_file(show_file(shown)), shown);
  EXPECT_EQ(metrics("false"), std::nullopt);
  EXPECT_EQ(metrics("true"), usual);
  EXPECT_EQ(metrics("127.0.0.1:9811"), usual);
  EXPECT_EQ(metrics("\"[::1]:99\"")->port, Port(std::uint16_t{99}));
  for (const char* wrong : {"9811", "localhost:9811", "127.0.0.1", "127.0.0.1:0", "[1]", "yes"}) {
    EXPECT_FALSE(parse_config("director: {metrics: " + std::string(wrong) + "}\nservices: []"))
        << wrong;
  }
}

}  // namespace
}  // namespace lvsd
