// SPDX-License-Identifier: GPL-2.0-or-later
// What stays captured, and what stays announced, when the configuration drops it.
#include "lvsd/daemon/retire.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}
ServiceKey key(const char* address, ServiceProtocol protocol = ServiceProtocol::tcp) {
  return {protocol, at(address, 80)};
}
VirtualService service(const ServiceKey& listen, std::vector<Destination> destinations) {
  return {.name = to_string(listen),
          .key = listen,
          .scheduler = SchedulerKind::rr,
          .destinations = std::move(destinations)};
}
Destination nat(const char* address) { return {at(address, 8080), Masquerade{}, Weight(1)}; }

DirectorSnapshot snapshot(const ServiceKey& listen, const Destination& destination,
                          std::uint32_t active, std::uint32_t inactive) {
  DirectorSnapshot worker;
  ServiceSnapshot shot;
  shot.key = listen;
  DestinationSnapshot one;
  one.config = destination;
  one.active = active;
  one.inactive = inactive;
  shot.destinations = {one};
  worker.services = {shot};
  return worker;
}

const ServiceKey kWeb = key("192.0.2.10"), kOld = key("192.0.2.11");

TEST(DaemonRetire, LiveIsWhatHasConnectionsOnAnyWorker) {
  const Live live = live_destinations({snapshot(kWeb, nat("10.0.0.1"), 0, 0),
                                       snapshot(kWeb, nat("10.0.0.2"), 1, 0),
                                       snapshot(kWeb, nat("10.0.0.3"), 0, 1)});
  const LiveDestination open{kWeb, at("10.0.0.2", 8080)}, closing{kWeb, at("10.0.0.3", 8080)};
  EXPECT_EQ(live.any, (std::set<LiveDestination>{open, closing}));
  EXPECT_EQ(live.open, (std::set<LiveDestination>{open}));
}

TEST(DaemonRetire, UdpIsNeverActiveAndYetOpen) {
  const ServiceKey dns = key("192.0.2.10", ServiceProtocol::udp);
  const Live live = live_destinations({snapshot(dns, nat("10.0.0.1"), 0, 1)});
  EXPECT_EQ(live.open, (std::set<LiveDestination>{{dns, at("10.0.0.1", 8080)}}));
}

TEST(DaemonRetire, ARemovedDestinationStaysCapturedWhileItHasConnections) {
  Config captured, next;
  captured.services = {service(kWeb, {nat("10.0.0.1"), nat("10.0.0.2")})};
  next.services = {service(kWeb, {nat("10.0.0.1")})};
  const Live live = live_destinations({snapshot(kWeb, nat("10.0.0.2"), 0, 1)});
  EXPECT_EQ(without_dead(captured, next, live), captured);
  const Config kept = with_retired(captured, next, live);
  ASSERT_EQ(kept.services.size(), 1U);
  ASSERT_EQ(kept.services[0].destinations.size(), 2U);
  EXPECT_EQ(kept.services[0].destinations[1].endpoint, at("10.0.0.2", 8080));
  EXPECT_EQ(kept.services[0].destinations[1].weight, Weight(0));
  EXPECT_EQ(with_retired(kept, next, live), kept);
  EXPECT_EQ(with_retired(kept, next, {}), next);
}

TEST(DaemonRetire, OnlyWhatNeedsMoreIsCapturedAhead) {
  Config captured, next;
  const Destination direct{at("10.0.0.1", 8080), DirectRouting{}, Weight(1)};
  captured.services = {service(kWeb, {direct})};
  next.services = {service(kWeb, {direct, {at("10.0.0.2", 8080), DirectRouting{}, Weight(1)}})};
  EXPECT_FALSE(has_coming(captured, next)) << "requests are captured for the service";
  next.services = {service(kWeb, {nat("10.0.0.1")})};
  EXPECT_TRUE(has_coming(captured, next)) << "an edited method";
  ASSERT_EQ(with_coming(captured, next).services[0].destinations.size(), 2U);
  next.services.push_back(service(key("192.0.2.20", ServiceProtocol::tcp), {nat("10.0.0.3")}));
  EXPECT_EQ(with_coming(captured, next).services.size(), 1U) << "nobody sends to that one yet";
  EXPECT_FALSE(has_coming(next, captured));
}

TEST(DaemonRetire, AnotherMethodKeepsTheOldOneCaptured) {
  Config captured, next;
  captured.services = {service(kWeb, {nat("10.0.0.1")})};
  next.services = {service(kWeb, {{at("10.0.0.1", 8080), DirectRouting{}, Weight(1)}})};
  const Live live = live_destinations({snapshot(kWeb, nat("10.0.0.1"), 1, 0)});
  const Config kept = with_retired(captured, next, live);
  EXPECT_EQ(kept.services[0].destinations.size(), 2U);
  EXPECT_EQ(with_retired(kept, next, live), kept);
  EXPECT_FALSE(has_retired(kept, next)) << "for ever, on a busy destination";
  EXPECT_EQ(with_retired(kept, next, {}), next);
  // What NAT needs includes what direct routing needs.
  EXPECT_EQ(with_retired(next, captured, live), captured);
}

TEST(DaemonRetire, ServicesAndDestinationsThatAreGoneAreRetired) {
  Config captured, next;
  captured.services = {service(kWeb, {nat("10.0.0.1"), nat("10.0.0.2")}),
                       service(kOld, {nat("10.0.0.1")})};
  next = captured;
  EXPECT_FALSE(has_retired(captured, next));
  next.services[0].destinations.pop_back();
  EXPECT_TRUE(has_retired(captured, next));
  next.services = {captured.services[0]};
  EXPECT_TRUE(has_retired(captured, next));
  EXPECT_FALSE(has_retired(next, captured));
}

TEST(DaemonRetire, WhatIsCapturedBeyondTheConfigurationIsNamed) {
  Config running;
  running.services = {service(kWeb, {nat("10.0.0.1")}), service(kOld, {nat("10.0.0.1")})};
  EXPECT_TRUE(widened(running, running).empty());
  EXPECT_FALSE(has_removed(running, running));
  Config captured = running;
  captured.services[1].destinations.push_back(nat("10.0.0.2"));
  EXPECT_EQ(widened(captured, running), std::vector{kOld});
  EXPECT_FALSE(has_removed(captured, running));
  const ServiceKey gone = key("192.0.2.9");
  captured.services.push_back(service(gone, {nat("10.0.0.1")}));
  EXPECT_EQ(widened(captured, running), (std::vector{kOld, gone}));
  EXPECT_TRUE(has_removed(captured, running));
  std::swap(captured.services[0], captured.services[2]);
  EXPECT_EQ(widened(captured, running), (std::vector{gone, kOld}));
}

TEST(DaemonRetire, AnIdleRemovedServiceGoesAtOnce) {
  Config captured, next;
  captured.services = {service(kWeb, {nat("10.0.0.1")}), service(kOld, {nat("10.0.0.1")})};
  next.services = {captured.services[0]};
  EXPECT_EQ(without_dead(captured, next, {}), next);
  EXPECT_EQ(with_retired(captured, next, {}), next);
  EXPECT_EQ(announced(captured, next, {}), std::vector{kWeb.listen.address});
}

TEST(DaemonRetire, ARemovedServiceStaysForItsConnectionsAndItsAddressForOpenOnes) {
  Config captured, next;
  captured.services = {service(kOld, {nat("10.0.0.1"), nat("10.0.0.2")}),
                       service(kWeb, {nat("10.0.0.1")})};
  next.services = {captured.services[1]};
  const Live open = live_destinations({snapshot(kOld, nat("10.0.0.2"), 1, 0)});
  const Live closing = live_destinations({snapshot(kOld, nat("10.0.0.2"), 0, 1)});
  const Config kept = with_retired(captured, next, closing);
  ASSERT_EQ(kept.services.size(), 2U);
  EXPECT_EQ(kept.services[1].key, kOld);
  ASSERT_EQ(kept.services[1].destinations.size(), 1U);
  EXPECT_EQ(announced(kept, next, open), (std::vector{kWeb.listen.address, kOld.listen.address}));
  EXPECT_EQ(announced(kept, next, closing), std::vector{kWeb.listen.address});
  EXPECT_EQ(with_retired(kept, next, {}), next);
}

TEST(DaemonRetire, WhatComesBackIsNotRetired) {
  Config both, one;
  both.services = {service(kWeb, {nat("10.0.0.1")}), service(kOld, {nat("10.0.0.1")})};
  one.services = {both.services[0]};
  const Live live = live_destinations({snapshot(kOld, nat("10.0.0.1"), 1, 0)});
  EXPECT_EQ(with_retired(with_retired(both, one, live), both, live), both);
}

TEST(DaemonRetire, AnAddressOfTwoServicesIsAnnouncedOnce) {
  Config config;
  config.services = {service(kWeb, {}), service({ServiceProtocol::udp, kWeb.listen}, {})};
  EXPECT_EQ(announced(config, config, {}), std::vector{kWeb.listen.address});
}

}  // namespace
}  // namespace lvsd
