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

TEST(DaemonReload, NothingChanged) {
  EXPECT_EQ(summarize({}), "nothing changed");
  EXPECT_TRUE(describe({}, {}).empty());
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

TEST(DaemonReload, EverythingChanged) {
  Config old;
  old.services = {web()};
  Changes changes;
  changes.added = {{.name = "ftp",
                    .key = {ServiceProtocol::tcp, at("192.0.2.10", 21)},
                    .scheduler = SchedulerKind::rr,
                    .destinations = {}},
                   {.name = "dns",
                    .key = {ServiceProtocol::udp, at("192.0.2.10", 53)},
                    .scheduler = SchedulerKind::rr,
                    .destinations = {{at("10.0.0.11", 53), Masquerade{}, Weight(1)}}}};
  changes.removed = {web().key};
  ServiceChange change;
  change.next = web();
  change.next.name = "www";
  change.next.destinations[1] = {at("10.0.0.12", 80), Tunnel{}, Weight(0)};
  change.renamed = change.scheduler_changed = change.reordered = true;
  change.added = {at("10.0.0.13", 80)};
  change.removed = {at("10.0.0.11", 80)};
  change.edited = {at("10.0.0.12", 80)};
  changes.changed = {change};
  changes.timeouts = Timeouts{};
  changes.announce = Announce{};
  changes.needs_restart = {"director.workers"};
  EXPECT_EQ(summarize(changes),
            "2 services added, 1 service removed, 1 destination added, 1 destination removed, "
            "1 destination edited, 1 scheduler changed, 1 service renamed, 1 service reordered, "
            "timeouts changed, announcement changed, 1 setting waiting for a restart");
  EXPECT_EQ(describe(changes, old),
            (std::vector<std::string>{
                "service ftp (192.0.2.10:21/tcp) added with 0 destinations",
                "service dns (192.0.2.10:53/udp) added with 1 destination",
                "service web (192.0.2.10:80/tcp) removed",
                "service www (192.0.2.10:80/tcp): was named web, scheduler now wlc, 10.0.0.13:80 "
                "added, 10.0.0.11:80 removed, 10.0.0.12:80 now weight 0 (was 3) now tun (was dr), "
                "destinations reordered"}));
}

TEST(DaemonReload, ResultAsJson) {
  ReloadResult result;
  result.time = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  result.outcome = ReloadOutcome::refused;
  result.summary = "the file is refused";
  result.problems = {"lvsd.yaml:3:5: services: x; y"};
  EXPECT_EQ(to_json(result), nlohmann::json::parse(R"({
    "time": "2023-11-14T22:13:20Z", "outcome": "refused", "summary": "the file is refused",
    "problems": ["lvsd.yaml:3:5: services: x; y"], "needs_restart": []})"));
}

}  // namespace
}  // namespace lvsd
