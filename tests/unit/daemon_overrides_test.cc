// SPDX-License-Identifier: GPL-2.0-or-later
// What the operator changes at run time, and how it composes with the file.
#include "lvsd/daemon/overrides.h"

#include <gtest/gtest.h>

#include "lvsd/daemon/effective.h"

namespace lvsd {
namespace {

using namespace std::chrono_literals;

const ServiceKey kWeb{ServiceProtocol::tcp,
                      {*IpAddress::parse("192.0.2.10"), Port(std::uint16_t{80})}};
const WallTime kNow{1000h};

DestinationKey key(const char* address) {
  return {kWeb, {*IpAddress::parse(address), kWeb.listen.port}};
}

Config file() {
  Config config;
  config.services = {{.name = "web",
                      .key = kWeb,
                      .destinations = {{key("10.0.0.11").endpoint, DirectRouting{}, Weight(3)},
                                       {key("10.0.0.12").endpoint, DirectRouting{}, Weight(4)}}}};
  return config;
}

const Destination& at(const Config& config, std::size_t i) {
  return config.services.at(0).destinations.at(i);
}

TEST(Overrides, NoneChangeNothing) { EXPECT_EQ(effective(file(), {}), file()); }

TEST(Overrides, WeightAndDrainOfOneDestination) {
  Influences influences;
  influences.overrides.set_weight(key("10.0.0.12"), Weight(9));
  influences.overrides.set_drain(key("10.0.0.12"), OperatorDrain{});
  const Config config = effective(file(), influences);
  EXPECT_EQ(at(config, 0), at(file(), 0));
  EXPECT_EQ(at(config, 1).weight, Weight(9));
  EXPECT_EQ(at(config, 1).drain, Drain{});

  influences.overrides.set_drain(key("10.0.0.12"), std::nullopt);
  EXPECT_EQ(at(effective(file(), influences), 1).weight, Weight(9));
  influences.overrides.set_weight(key("10.0.0.12"), std::nullopt);
  EXPECT_TRUE(influences.overrides.empty());
}

TEST(Overrides, OthersOfTheSameAddressAreLeftAlone) {
  Influences influences;
  DestinationKey other = key("10.0.0.12");
  other.service.protocol = ServiceProtocol::udp;
  influences.overrides.set_drain(other, OperatorDrain{});
  EXPECT_EQ(effective(file(), influences), file());
}

TEST(Overrides, TheDeadlineEndsADrainOnce) {
  Influences influences;
  influences.overrides.set_drain(
      key("10.0.0.11"), OperatorDrain{.at_deadline = Ending::reset, .deadline = kNow + 10s});
  EXPECT_TRUE(influences.overrides.end_drains(kNow + 9s).empty());
  EXPECT_EQ(at(effective(file(), influences), 0).drain, Drain{});
  EXPECT_EQ(influences.overrides.end_drains(kNow + 10s), std::vector{key("10.0.0.11")});
  EXPECT_EQ(at(effective(file(), influences), 0).drain, (Drain{Ending::reset, false}));
  EXPECT_TRUE(influences.overrides.end_drains(kNow + 11s).empty());
}

TEST(Overrides, WithKeepTheDeadlineChangesNothing) {
  Influences influences;
  influences.overrides.set_drain(key("10.0.0.11"),
                                 OperatorDrain{.keeps_clients = false, .deadline = kNow});
  const Config before = effective(file(), influences);
  influences.overrides.end_drains(kNow);
  EXPECT_EQ(effective(file(), influences), before);
}

TEST(Overrides, WhatLeftTheFileIsForgotten) {
  Overrides overrides;
  overrides.set_weight(key("10.0.0.12"), Weight(9));
  overrides.set_weight(key("10.0.0.99"), Weight(9));
  EXPECT_EQ(overrides.keep_only(file()), std::vector{key("10.0.0.99")});
  EXPECT_EQ(overrides.all().size(), 1U);
}

TEST(EstimatedEnd, ByTheRateOfDecline) {
  EXPECT_EQ(estimated_end(kNow, 100, kNow + 60s, 0), kNow + 60s);
  EXPECT_EQ(estimated_end(kNow, 100, kNow + 60s, 100), std::nullopt);
  EXPECT_EQ(estimated_end(kNow, 100, kNow, 50), std::nullopt);
  // Halved each minute: of 16, half a one is left after five more.
  const auto end = estimated_end(kNow, 64, kNow + 120s, 16);
  ASSERT_TRUE(end);
  EXPECT_NEAR(std::chrono::duration<double>(*end - kNow).count(), 120 + 300, 1);
  // A million connections of which one ended in a second: beyond telling.
  EXPECT_EQ(estimated_end(kNow, 1000000, kNow + 60s, 999999), std::nullopt);
}

}  // namespace
}  // namespace lvsd
