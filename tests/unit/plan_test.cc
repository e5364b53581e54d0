// SPDX-License-Identifier: GPL-2.0-or-later
// A plan in words, and that what it says is what a reload does: for pairs of configurations at
// random under traffic at random, the director that took the changes is compared with the plan.
#include "lvsd/control/plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "lvsd/config/diff.h"
#include "support/director_fixture.h"
#include "support/random_seed.h"

namespace lvsd {
namespace {

using namespace test;

VirtualService web() {
  return tcp_service(80, DirectRouting{},
                     {{endpoint("10.0.2.11", 80), DirectRouting{}, Weight(1)},
                      {endpoint("10.0.2.12", 80), DirectRouting{}, Weight(3)}},
                     SchedulerKind::wlc);
}

Plan plan_of(const Config& old, const Config& next, const LiveConnections& live = {}) {
  return make_plan(diff(old, next), old, next, live);
}

TEST(Plan, SaysNothingOfNothing) {
  Config config;
  config.services = {web()};
  const Plan plan = plan_of(config, config);
  EXPECT_TRUE(plan.empty());
  EXPECT_EQ(plan.summary, "nothing changed");
  EXPECT_TRUE(lines(plan, true).empty());
}

TEST(Plan, SaysAllOfEverything) {
  Config old, next;
  old.services = {web()};
  VirtualService changed = web();
  changed.name = "www";
  changed.scheduler = SchedulerKind::rr;
  changed.oversize = Oversize::fragment;
  changed.hairpin = address("10.0.2.1");
  changed.persistence = Persistence{};
  changed.destinations = {{endpoint("10.0.2.12", 80), Tunnel{}, Weight(0), {10, 5}},
                          {endpoint("10.0.2.13", 80), DirectRouting{}, Weight(1)}};
  next.services = {changed, tcp_service(21, Masquerade{}, {})};
  next.timeouts.udp = std::chrono::seconds(1);
  next.ipvs.sloppy_tcp = true;
  next.announce.enabled = false;
  next.startup.workers = 2;
  const LiveConnections live{{{web().key, endpoint("10.0.2.11", 80)}, 5},
                             {{web().key, endpoint("10.0.2.12", 80)}, 7}};
  const Plan plan = plan_of(old, next, live);
  EXPECT_EQ(
      lines(plan, true),
      (std::vector<std::string>{
          "timeouts changed", "ipvs settings changed", "announcement changed",
          "service " + next.services[1].name + " (10.0.3.100:21/tcp) added with 0 destinations",
          "service www (10.0.3.100:80/tcp): was named " + web().name +
              ", scheduler rr (was wlc), persistence 300s/32 (was none), oversize fragment "
              "(was split), hairpin as 10.0.2.1, 10.0.2.13:80 added, 10.0.2.11:80 removed [5 "
              "connections], "
              "10.0.2.12:80 now weight 0 (was 3), now thresholds 10/5 (was 0/0), now tun "
              "(was dr) [7 connections]"}));
  EXPECT_EQ(plan.needs_restart, std::vector<std::string>{"director.workers"});
  EXPECT_EQ(plan.consequences, (std::vector<std::string>{
                                   "5 connections of what is removed go on until they end",
                                   "7 connections of what is quiesced go on; no new ones come"}));
  EXPECT_EQ(to_json(plan)["services"][1]["destinations"][1]["connections"], 5);
  next.services.clear();
  next.ipvs.expire_nodest_conn = true;
  const Plan gone = plan_of(old, next, live);
  EXPECT_EQ(gone.services.at(0).connections, 12U);
  EXPECT_EQ(gone.consequences.at(0),
            "12 connections of what is removed are forgotten, and their clients placed anew");
}

// A small world: services on a few ports, destinations of a few addresses.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  Config config() {
    Config config;
    for (std::uint16_t port = 80; port < 85; ++port) {
      if (draw(3) == 0) continue;
      VirtualService service = draw(3) == 0 ? udp_service(port, DirectRouting{}, {}, kind())
                                            : tcp_service(port, DirectRouting{}, {}, kind());
      if (draw(4) == 0) service.persistence = Persistence{};
      for (unsigned host = 11; host < 14; ++host) {
        if (draw(3) == 0) continue;
        service.destinations.push_back({endpoint("10.0.2." + std::to_string(host), port), method(),
                                        Weight(static_cast<std::uint16_t>(draw(4)))});
        if (draw(6) == 0) service.destinations.back().drain = Drain{};
      }
      if (draw(2) == 0) std::ranges::shuffle(service.destinations, random_);
      config.services.push_back(std::move(service));
    }
    return config;
  }
  // Changes some of it, so that much stays as it was.
  Config after(const Config& old) {
    Config next = config();
    for (const VirtualService& service : old.services) {
      if (draw(2) == 0) continue;
      std::erase_if(next.services, [&](const auto& other) { return other.key == service.key; });
      next.services.push_back(service);
    }
    return next;
  }
  void traffic(DirectorFixture& fixture) {
    for (int i = 0; i < 20; ++i) {
      const auto port = static_cast<std::uint16_t>(80 + draw(5));
      const auto client = static_cast<std::uint16_t>(4000 + draw(30));
      const IpFields ip{.source = "10.1.0.1", .destination = "10.0.3.100"};
      fixture.handle(tcp_packet(ip, {.source = client, .destination = port}));
      fixture.handle(udp_packet(ip, {.source = client, .destination = port}));
    }
  }

 private:
  unsigned draw(unsigned below) { return static_cast<unsigned>(random_() % below); }
  ForwardingMethod method() {
    const std::array<ForwardingMethod, 3> methods{DirectRouting{}, Tunnel{}, Masquerade{}};
    return methods[draw(methods.size())];
  }
  SchedulerKind kind() {
    constexpr std::array kKinds{SchedulerKind::rr, SchedulerKind::wrr, SchedulerKind::wlc,
                                SchedulerKind::sh};
    return kKinds[draw(kKinds.size())];
  }
  std::mt19937_64 random_;
};

std::map<ServiceKey, ServiceSnapshot> by_key(const DirectorSnapshot& snapshot) {
  std::map<ServiceKey, ServiceSnapshot> all;
  for (const ServiceSnapshot& service : snapshot.services) {
    if (!service.removed) all.emplace(service.key, service);
  }
  return all;
}

void expect_same(const ServiceSnapshot& before, const ServiceSnapshot& after) {
  EXPECT_EQ(before.statistics, after.statistics);
  ASSERT_EQ(before.destinations.size(), after.destinations.size());
  for (std::size_t i = 0; i < before.destinations.size(); ++i) {
    const DestinationSnapshot &a = before.destinations[i], &b = after.destinations[i];
    EXPECT_EQ(a.config, b.config);
    EXPECT_EQ(a.statistics, b.statistics);
    EXPECT_EQ(a.active + a.inactive, b.active + b.inactive);
    EXPECT_EQ(a.persistent, b.persistent);
  }
}

std::map<Endpoint, DestinationSnapshot> in_use(const ServiceSnapshot& service) {
  std::map<Endpoint, DestinationSnapshot> all;
  for (const DestinationSnapshot& d : service.destinations) {
    if (!d.retired) all.emplace(d.config.endpoint, d);
  }
  return all;
}

// Of a service that is changed, what is named became just that, and what is not is as it was.
void check_destinations(const PlannedService& planned, const ServiceSnapshot& before,
                        const ServiceSnapshot& after) {
  auto was = in_use(before), is = in_use(after);
  for (const PlannedDestination& d : planned.destinations) {
    const auto old = was.extract(d.endpoint), next = is.extract(d.endpoint);
    EXPECT_EQ(old.empty(), d.action == PlanAction::added) << to_string(d.endpoint);
    EXPECT_EQ(next.empty(), d.action == PlanAction::removed) << to_string(d.endpoint);
    // A drained one has weight 0 whatever the file says, before and after.
    if (d.action == PlanAction::changed && old && next && !next.mapped().config.drain) {
      EXPECT_NE(old.mapped().config, next.mapped().config) << to_string(d.endpoint);
    }
    if (old) {
      EXPECT_EQ(d.connections, old.mapped().active + old.mapped().inactive);
    }
  }
  ASSERT_EQ(was.size(), is.size()) << "added or removed, and not named";
  for (const auto& [endpoint, old] : was) {
    ASSERT_TRUE(is.contains(endpoint)) << to_string(endpoint);
    const DestinationSnapshot& next = is.at(endpoint);
    EXPECT_EQ(old.config, next.config);
    EXPECT_EQ(old.statistics, next.statistics);
    EXPECT_EQ(old.active + old.inactive, next.active + next.inactive);
  }
}

// What the plan says of each service, against what became of it.
void check(const Plan& plan, const DirectorSnapshot& was, const DirectorSnapshot& is,
           const Config& next) {
  const auto before = by_key(was), after = by_key(is);
  ASSERT_EQ(after.size(), next.services.size());
  std::map<ServiceKey, const PlannedService*> planned;
  for (const PlannedService& service : plan.services) planned[service.key] = &service;
  for (const auto& [key, service] : before) {
    const auto entry = planned.find(key);
    if (entry == planned.end()) {  // called unchanged
      ASSERT_TRUE(after.contains(key));
      expect_same(service, after.at(key));
    } else {
      EXPECT_EQ(entry->second->action == PlanAction::removed, !after.contains(key));
    }
  }
  for (const auto& [key, service] : after) {
    const auto entry = planned.find(key);
    EXPECT_EQ(entry != planned.end() && entry->second->action == PlanAction::added,
              !before.contains(key));
    if (entry == planned.end() || entry->second->action != PlanAction::changed) continue;
    check_destinations(*entry->second, before.at(key), service);
    const auto file = std::ranges::find(next.services, key, &VirtualService::key);
    const auto now = in_use(service);
    for (Destination d : file->destinations) {
      if (d.drain) d.weight = Weight(0);
      ASSERT_TRUE(now.contains(d.endpoint));
      EXPECT_EQ(now.at(d.endpoint).config, d) << to_string(d.endpoint);
    }
  }
}

std::uint64_t connections_of(const DirectorSnapshot& snapshot) {
  std::uint64_t sum = 0;
  for (const auto& [place, connections] : live_connections({snapshot})) sum += connections;
  return sum;
}

TEST(Plan, IsWhatAReloadDoes) {
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed);
  constexpr int kPairs = 1000;
  int unchanged = 0;
  for (int i = 0; i < kPairs && !testing::Test::HasFailure(); ++i) {
    const Config old = world.config(), next = world.after(old);
    DirectorFixture fixture(old.services);
    world.traffic(fixture);
    const DirectorSnapshot was = fixture.director.snapshot();
    const Changes changes = diff(old, next);
    const Plan plan = make_plan(changes, old, next, live_connections({was}));
    fixture.apply(changes);
    const DirectorSnapshot is = fixture.director.snapshot();
    check(plan, was, is, next);
    EXPECT_EQ(connections_of(was), connections_of(is));  // none is lost, whatever was planned
    EXPECT_EQ(plan.empty(), old.services == next.services || changes.empty());
    unchanged += static_cast<int>(old.services.size() - plan.services.size() > 0);
    EXPECT_TRUE(make_plan(diff(next, next), next, next, {}).empty());
  }
  EXPECT_GT(unchanged, 0);
}

TEST(Plan, SaysHowManyDestinationsWaitForACheck) {
  Config old, next;
  old.services = {web()};
  next.services = {web(), tcp_service(443, DirectRouting{},
                                      {{endpoint("10.0.2.11", 443), DirectRouting{}, Weight(1)}})};
  next.services[0].destinations.push_back({endpoint("10.0.2.13", 80), DirectRouting{}, Weight(5)});
  const auto consequences = [&](const std::vector<ServiceHealth>& health) {
    Plan plan = plan_of(old, next);
    note_checks(plan, diff(old, next), health);
    return plan.consequences;
  };
  EXPECT_TRUE(consequences({}).empty());
  ServiceHealth checked;
  checked.service = next.services[0].key;
  checked.health = Health{};
  using Sentences = std::vector<std::string>;
  EXPECT_EQ(consequences({checked}),
            (Sentences{"1 new destination begins at weight 0; the file's counts once a check has "
                       "succeeded"}));
  ServiceHealth other = checked;
  other.service = next.services[1].key;
  EXPECT_EQ(consequences({checked, other}),
            (Sentences{"2 new destinations begin at weight 0; the file's counts once a check has "
                       "succeeded"}));
  checked.differing = {{endpoint("10.0.2.13", 80), std::nullopt}};
  EXPECT_TRUE(consequences({checked}).empty());
}

TEST(Plan, SaysWhereMetricsGo) {
  const auto planned = [](std::optional<Endpoint> old, std::optional<Endpoint> next) {
    Plan plan = plan_of({}, {});
    note_metrics(plan, old, next);
    return plan;
  };
  const Endpoint here = endpoint("127.0.0.1", 9811);
  EXPECT_TRUE(planned(here, here).empty());
  EXPECT_EQ(lines(planned({}, here), true),
            (std::vector<std::string>{"metrics at 127.0.0.1:9811"}));
  EXPECT_EQ(lines(planned(here, {}), true), (std::vector<std::string>{"metrics off"}));
  EXPECT_EQ(planned(here, {}).summary, "metrics off");
}

}  // namespace
}  // namespace lvsd
