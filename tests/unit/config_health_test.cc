// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "lvsd/config/file.h"
#include "lvsd/config/health.h"
#include "lvsd/config/probe_path.h"

namespace lvsd {
namespace {

using std::chrono::seconds;

ConfigFile parsed(const std::string& text) {
  const auto config = parse_file(text);
  if (config) return *config;
  for (const Problem& problem : config.error().list) ADD_FAILURE() << to_string(problem, "F");
  return {};
}

const ConfigFile& sample() {
  static const ConfigFile config = [] {
    std::ifstream in(LVSD_SOURCE_DIR "/tests/config/good/health.yaml");
    return parsed({std::istreambuf_iterator<char>(in), {}});
  }();
  return config;
}

const ServiceHealth& service(std::size_t i) {
  return *HealthIndex(sample().health).find(sample().config.services.at(i).key);
}

TEST(ConfigHealth, ReadsAWholeCheck) {
  const ServiceHealth& web = service(0);
  ASSERT_TRUE(web.health);
  const Probe& probe = web.health->probe;
  EXPECT_EQ(probe.type, CheckType::https);
  EXPECT_EQ(probe.path, "/healthz");
  EXPECT_EQ(probe.status, (std::vector<StatusRange>{{200, 299}, {304, 304}}));
  EXPECT_EQ(probe.tls.verify, Verify::authority);
  EXPECT_EQ(probe.tls.authority, "/etc/lvsd/ca.pem");
  EXPECT_EQ(probe.port, Port(8443));
  EXPECT_EQ(web.health->rules.rise, 3U);
  EXPECT_EQ(web.health->rules.backoff, seconds(60));
  EXPECT_EQ(web.health->rules.damping, Duration::zero());
  EXPECT_EQ(web.health->agent->port, Port(9999));
  EXPECT_EQ(web.slow_start, seconds(30));
  EXPECT_EQ(web.panic, 40);
  EXPECT_EQ(web.quorum, (Quorum{2, 1}));
  EXPECT_EQ(web.sorry_server->endpoint.address, IpAddress(10, 0, 0, 99));
  EXPECT_EQ(web.hooks.url, "http://127.0.0.1:8080/told");
}

TEST(ConfigHealth, ADestinationChangesWhatItSays) {
  const auto& destinations = sample().config.services[0].destinations;
  const Health* const own = service(0).of(destinations[1].endpoint);
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(own->probe.path, "/other");
  EXPECT_EQ(own->rules.rise, 3U);  // the service's
  EXPECT_EQ(service(0).of(destinations[2].endpoint), nullptr);
  EXPECT_EQ(service(0).of(destinations[0].endpoint), &*service(0).health);
}

TEST(ConfigHealth, OwnChecksAreFoundWhateverTheOrderOfDestinations) {
  const ConfigFile file = parsed(
      "services:\n"
      "  - {listen: '192.0.2.10:80/tcp', health: {type: tcp}, destinations: [\n"
      "      {address: 10.0.0.14, health: {port: 14}}, {address: 10.0.0.12, health: {port: 12}},\n"
      "      {address: 10.0.0.15}, {address: 10.0.0.13, health: {port: 13}}]}\n");
  const ServiceHealth& health = file.health.at(0);
  for (const Destination& each : file.config.services.at(0).destinations) {
    const std::uint8_t last = each.endpoint.address.bytes().back();
    const std::optional<Port> port = health.of(each.endpoint)->probe.port;
    EXPECT_EQ(port, last == 15 ? std::nullopt : std::optional(Port(last)));
  }
  EXPECT_EQ(health.of({IpAddress(10, 0, 0, 99), Port(80)}), &*health.health);
}

TEST(ConfigHealth, BytesHaveEscapes) {
  EXPECT_EQ(service(1).health->probe.send, std::string("\x01\0ping\r\n", 8));
  EXPECT_EQ(unescape(R"(a\\b\t)"), "a\\b\t");
  for (const char* wrong : {"\\", "\\q", "\\x", "\\x1", "\\xzz"}) EXPECT_FALSE(unescape(wrong));
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(unescape(escape(all)), all);
}

TEST(ConfigHealth, WhatTakesTheDataPathHasAMark) {
  const VirtualService& path = sample().config.services.back();
  ASSERT_EQ(path.name, "path");
  EXPECT_EQ(path.probes.mark >> ProbePath::kServiceBits, 0x4c56U);
  EXPECT_EQ(path.probes.targets,
            (std::vector<ProbeTarget>{
                {IpAddress(10, 0, 0, 11), DirectRouting{}, ServiceProtocol::tcp, Port(80)},
                {IpAddress(10, 0, 0, 12), Tunnel{}, ServiceProtocol::tcp, Port(8080)}}));
  for (const VirtualService& other : sample().config.services) {
    EXPECT_EQ(other.probes == ProbePath{}, other.name != "path") << other.name;
  }
  // It is the service's own, whatever stands around it.
  const ConfigFile alone = parsed(
      "director: {capture: {probe_marks: 7}}\n"
      "services: [{listen: 192.0.2.13:80/tcp, health: {via: service}, "
      "destinations: [{address: 10.0.0.11}]}]");
  EXPECT_EQ(alone.config.services.at(0).probes.mark, (path.probes.mark & 0xffffU) | 0x70000U);
  Config captured = alone.config;
  use_probe_marks(captured, 0x4c56);
  EXPECT_EQ(captured.services.at(0).probes.mark, path.probes.mark);
}

TEST(ConfigHealth, ShownItParsesBack) {
  const std::string text = show_file(sample());
  EXPECT_EQ(parsed(text), sample()) << text;
}

TEST(ConfigHealth, WithoutAnyThereIsNone) {
  EXPECT_TRUE(parsed("services: [{listen: 192.0.2.1:80/tcp, destinations: []}]").health.empty());
}

}  // namespace
}  // namespace lvsd
