// SPDX-License-Identifier: GPL-2.0-or-later
// A reload in words.
#include "lvsd/daemon/reload.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lvsd/config/diff.h"
#include "lvsd/daemon/effective.h"

namespace lvsd {
namespace {

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}

VirtualService web() {
  return {.name = "web",
          .key = {ServiceProtocol::tcp, at("192.0.2.10", 80)},
          .scheduler = SchedulerKind::wlc,
          .destinations = {{at("10.0.0.11", 80), DirectRouting{}, Weight(1)},
                           {at("10.0.0.12", 80), DirectRouting{}, Weight(3)}}};
}

// A weight needs no rule and no snapshot of the workers; another method captures other packets.
TEST(DaemonReload, OnlyEditsAreThoseThatChangeNoRule) {
  Config old, next;
  old.services = next.services = {web()};
  next.services[0].destinations[0].weight = Weight(7);
  EXPECT_TRUE(only_edits(diff(old, next)));
  next.services[0].destinations[0].method = Masquerade{};
  EXPECT_FALSE(only_edits(diff(old, next)));
  next = old;
  next.services[0].destinations.pop_back();
  EXPECT_FALSE(only_edits(diff(old, next)));
  next = old;
  next.services.clear();
  EXPECT_FALSE(only_edits(diff(old, next)));
}

TEST(DaemonReload, ResultAsJson) {
  ReloadResult result;
  result.time = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  result.outcome = ReloadOutcome::refused;
  result.summary = "the file is refused";
  result.changes = {"timeouts changed"};
  result.problems = {"lvsd.yaml:3:5: services: x; y"};
  EXPECT_EQ(to_json(result), nlohmann::json::parse(R"({
    "time": "2023-11-14T22:13:20Z", "outcome": "refused", "summary": "the file is refused",
    "changes": ["timeouts changed"], "problems": ["lvsd.yaml:3:5: services: x; y"], "needs_restart": []})"));
}

}  // namespace
}  // namespace lvsd
