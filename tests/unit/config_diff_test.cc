// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "lvsd/config/diff.h"
#include "lvsd/config/load.h"
#include "support/config_samples.h"

namespace lvsd {
namespace {

Config parsed(const std::string& text) {
  const Result<Config, Problems> config = parse_config(text);
  if (!config) ADD_FAILURE() << to_string(config.error().list.at(0), "F");
  return config ? *config : Config();
}

Config with_destinations(const std::string& list, const std::string& more = {}) {
  return parsed("services: [{name: web, listen: 192.0.2.10:80/tcp, method: nat, destinations: [" +
                list + "]" + more + "}]");
}

Endpoint endpoint(std::uint8_t host) { return {IpAddress(10, 0, 0, host), Port(80)}; }

TEST(Diff, OfTheSameIsEmpty) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("LVSD_SEED=" + std::to_string(test::seed()));
  for (int i = 0; i < 200; ++i) {
    const Config config = test::random_config(random);
    EXPECT_TRUE(diff(config, config).empty());
  }
}

TEST(Diff, FromNothingIsAStart) {
  const Config config = with_destinations("{address: 10.0.0.1}");
  const Changes changes = diff({}, config);
  EXPECT_EQ(changes.added, config.services);
  EXPECT_TRUE(changes.removed.empty());
  EXPECT_TRUE(changes.changed.empty());
  EXPECT_FALSE(changes.timeouts);
}

// What one direction adds, the other removes; what changed is the same both ways.
TEST(Diff, IsSymmetric) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("LVSD_SEED=" + std::to_string(test::seed()));
  const auto keys = [](const std::vector<VirtualService>& services) {
    std::vector<ServiceKey> out;
    for (const VirtualService& service : services) out.push_back(service.key);
    return out;
  };
  for (int i = 0; i < 500; ++i) {
    const Config a = test::random_config(random), b = test::random_config(random);
    const Changes there = diff(a, b), back = diff(b, a);
    EXPECT_EQ(keys(there.added), back.removed);
    EXPECT_EQ(there.removed, keys(back.added));
    EXPECT_EQ(there.timeouts.has_value(), back.timeouts.has_value());
    EXPECT_EQ(there.announce.has_value(), back.announce.has_value());
    EXPECT_EQ(there.needs_restart, back.needs_restart);
    ASSERT_EQ(there.changed.size(), back.changed.size());
    for (const ServiceChange& change : there.changed) {
      const auto other = std::find_if(
          back.changed.begin(), back.changed.end(),
          [&](const ServiceChange& candidate) { return candidate.next.key == change.next.key; });
      ASSERT_NE(other, back.changed.end());
      EXPECT_EQ(change.added, other->removed);
      EXPECT_EQ(change.removed, other->added);
      EXPECT_EQ(change.edited.size(), other->edited.size());
      EXPECT_EQ(change.scheduler_changed, other->scheduler_changed);
      EXPECT_EQ(change.renamed, other->renamed);
      EXPECT_EQ(change.reordered, other->reordered);
    }
  }
}

// A service is in exactly one place: added, removed, changed, or equal on both sides.
TEST(Diff, NamesEveryServiceOnce) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("LVSD_SEED=" + std::to_string(test::seed()));
  for (int i = 0; i < 500; ++i) {
    const Config a = test::random_config(random), b = test::random_config(random);
    const Changes changes = diff(a, b);
    for (const VirtualService& service : b.services) {
      const auto same_key = [&](const VirtualService& other) { return other.key == service.key; };
      const auto old = std::find_if(a.services.begin(), a.services.end(), same_key);
      const auto added = std::count(changes.added.begin(), changes.added.end(), service);
      const auto changed =
          std::count_if(changes.changed.begin(), changes.changed.end(),
                        [&](const ServiceChange& change) { return change.next == service; });
      EXPECT_EQ(added, old == a.services.end() ? 1 : 0);
      EXPECT_EQ(changed, old != a.services.end() && *old != service ? 1 : 0);
    }
  }
}

TEST(Diff, SeesDestinationsComeGoAndChange) {
  const Config old = with_destinations(
      "{address: 10.0.0.1}, {address: 10.0.0.2}, {address: 10.0.0.3}, {address: 10.0.0.4}");
  const Config next = with_destinations(
      "{address: 10.0.0.1}, {address: 10.0.0.9}, {address: 10.0.0.2, weight: 5}, "
      "{address: 10.0.0.3, method: dr}",
      ", scheduler: rr");
  const Changes changes = diff(old, next);
  ASSERT_EQ(changes.changed.size(), 1U);
  const ServiceChange& change = changes.changed[0];
  EXPECT_EQ(change.next, next.services[0]);
  EXPECT_EQ(change.added, std::vector{endpoint(9)});
  EXPECT_EQ(change.removed, std::vector{endpoint(4)});
  EXPECT_EQ(change.edited, (std::vector{endpoint(2), endpoint(3)}));
  EXPECT_TRUE(change.scheduler_changed);
  EXPECT_FALSE(change.renamed);
  EXPECT_FALSE(change.reordered);
}

TEST(Diff, OtherFlagsAreAnotherScheduler) {
  const Config old = with_destinations("{address: 10.0.0.1}", ", scheduler: mh");
  const Config next =
      with_destinations("{address: 10.0.0.1}", ", scheduler: {name: mh, port: true}");
  const Changes changes = diff(old, next);
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_TRUE(changes.changed[0].scheduler_changed);
}

TEST(Diff, SeesAnotherOrder) {
  const Config old = with_destinations("{address: 10.0.0.1}, {address: 10.0.0.2}");
  const Changes changes = diff(old, with_destinations("{address: 10.0.0.2}, {address: 10.0.0.1}"));
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_TRUE(changes.changed[0].reordered);
  EXPECT_TRUE(changes.changed[0].edited.empty());
}

TEST(Diff, SeesAnotherName) {
  Config next = with_destinations("{address: 10.0.0.1}");
  const Config old = next;
  next.services[0].name = "shop";
  const Changes changes = diff(old, next);
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_TRUE(changes.changed[0].renamed);
}

TEST(Diff, SaysWhatNeedsARestart) {
  const Config old = parsed("services: []");
  const Config next = parsed(
      "director: {capture: {backend: nft, stage: late, queue: 4, queue_bypass: true}, "
      "connections: {limit: 9}, announce: false}\ntimeouts: {udp: 5s}\nservices: []");
  const Changes changes = diff(old, next);
  EXPECT_EQ(changes.needs_restart,
            (std::vector<std::string>{"director.capture.backend", "director.capture.stage",
                                      "director.capture.queue", "director.capture.queue_bypass",
                                      "director.connections.limit"}));
  ASSERT_TRUE(changes.timeouts);
  EXPECT_EQ(changes.timeouts->udp, std::chrono::seconds(5));
  ASSERT_TRUE(changes.announce);
  EXPECT_FALSE(changes.announce->enabled);
}

TEST(Diff, AShorterMaskNeedsARestartWhereWorkersHaveSpreadTheClients) {
  const auto with_mask = [](const std::string& workers, int mask) {
    return parsed("director: {workers: " + workers +
                  "}\nservices: [{listen: 192.0.2.1:80/tcp, persistence: {netmask: " +
                  std::to_string(mask) + "}, destinations: []}]");
  };
  EXPECT_TRUE(diff(with_mask("1", 32), with_mask("1", 24)).needs_restart.empty());
  EXPECT_TRUE(diff(with_mask("2", 24), with_mask("2", 32)).needs_restart.empty());
  const auto found = diff(with_mask("2", 32), with_mask("2", 24)).needs_restart;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].substr(0, 19), "persistence.netmask");
}

}  // namespace
}  // namespace lvsd
