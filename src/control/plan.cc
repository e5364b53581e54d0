// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "lvsd/control/words.h"

namespace lvsd {
namespace {

const Destination* find(const VirtualService& service, const Endpoint& endpoint) {
  const auto found = std::ranges::find(service.destinations, endpoint, &Destination::endpoint);
  return found == service.destinations.end() ? nullptr : &*found;
}

std::string text_of(const std::optional<Persistence>& persistence) {
  if (!persistence) return "none";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(persistence->timeout);
  const std::string engine = persistence->engine == PersistenceEngine::none
                                 ? ""
                                 : " " + std::string(to_string(persistence->engine));
  return fmt::format("{}s/{}{}", seconds.count(), persistence->netmask, engine);
}

std::vector<std::string> edits(const Destination& before, const Destination& after) {
  std::vector<std::string> details;
  if (before.weight != after.weight) {
    details.push_back(
        fmt::format("weight {} (was {})", after.weight.value(), before.weight.value()));
  }
  if (before.drain != after.drain) {
    details.push_back(!after.drain ? "no longer drained"
                      : after.drain->ending == Ending::keep
                          ? "drained"
                          : "drained to the end, connections: " +
                                std::string(to_string(after.drain->ending)));
  }
  if (before.thresholds != after.thresholds) {
    details.push_back(fmt::format("thresholds {}/{} (was {}/{})", after.thresholds.upper,
                                  after.thresholds.lower, before.thresholds.upper,
                                  before.thresholds.lower));
  }
  if (to_string(before.method) != to_string(after.method)) {
    details.push_back(
        fmt::format("{} (was {})", to_string(after.method), to_string(before.method)));
  } else if (before.method != after.method) {
    details.emplace_back("another tunnel");
  }
  return details;
}

std::vector<std::string> edits(const ServiceChange& change, const VirtualService& before) {
  const VirtualService& next = change.next;
  std::vector<std::string> details;
  const auto say = [&](bool changed, std::string text) {
    if (changed) details.push_back(std::move(text));
  };
  say(before.name != next.name, "was named " + before.name);
  say(change.scheduler_changed,
      fmt::format("scheduler {} (was {})", to_string(next.scheduler, next.scheduler_flags),
                  to_string(before.scheduler, before.scheduler_flags)));
  say(before.persistence != next.persistence,
      fmt::format("persistence {} (was {})", text_of(next.persistence),
                  text_of(before.persistence)));
  say(before.one_packet != next.one_packet,
      fmt::format("one-packet scheduling {}", next.one_packet ? "on" : "off"));
  say(before.oversize != next.oversize,
      fmt::format("oversize {} (was {})", to_string(next.oversize), to_string(before.oversize)));
  say(before.hairpin != next.hairpin,
      next.hairpin ? fmt::format("hairpin as {}", to_string(*next.hairpin)) : "no hairpin");
  say(before.helper != next.helper,
      fmt::format("helper {} (was {})", to_string(next.helper), to_string(before.helper)));
  say(before.timeouts != next.timeouts, "its own timeouts changed");
  say(change.reordered, "destinations reordered");
  return details;
}

struct Totals {
  std::size_t added = 0, removed = 0, edited = 0, schedulers = 0, renamed = 0, reordered = 0,
              settings = 0;
};

Totals count(const std::vector<ServiceChange>& changes) {
  Totals totals;
  for (const ServiceChange& change : changes) {
    totals.added += change.added.size();
    totals.removed += change.removed.size();
    totals.edited += change.edited.size();
    totals.schedulers += change.scheduler_changed ? 1 : 0;
    totals.renamed += change.renamed ? 1 : 0;
    totals.reordered += change.reordered ? 1 : 0;
    totals.settings += change.settings_changed ? 1 : 0;
  }
  return totals;
}

class Planner {
 public:
  Planner(const Changes& changes, const Config& old, const Config& next,
          const LiveConnections& live)
      : changes_(changes), next_(next), live_(live) {
    for (const VirtualService& service : old.services) old_.emplace(service.key, &service);
  }

  Plan make() {
    settings();
    for (const VirtualService& service : changes_.added) {
      plan_.services.push_back({PlanAction::added,
                                service.name,
                                service.key,
                                {},
                                {},
                                service.destinations.size(),
                                of_service(service.key)});
    }
    for (const ServiceKey& key : changes_.removed) removed(key);
    for (const ServiceChange& change : changes_.changed) changed(change);
    plan_.needs_restart = changes_.needs_restart;
    plan_.summary = summarize(changes_);
    consequences();
    return std::move(plan_);
  }

 private:
  const VirtualService* old(const ServiceKey& key) const {
    const auto found = old_.find(key);
    return found == old_.end() ? nullptr : found->second;
  }
  std::uint64_t of(const ServiceKey& key, const Endpoint& endpoint) const {
    const auto found = live_.find({key, endpoint});
    return found == live_.end() ? 0 : found->second;
  }
  std::uint64_t of_service(const ServiceKey& key) const {
    std::uint64_t sum = 0;
    const Endpoint least{};
    for (auto it = live_.lower_bound({key, least}); it != live_.end() && it->first.first == key;
         ++it) {
      sum += it->second;
    }
    return sum;
  }

  void settings() {
    if (changes_.timeouts) plan_.settings.emplace_back("timeouts changed");
    if (changes_.ipvs) plan_.settings.emplace_back("ipvs settings changed");
    if (changes_.announce) plan_.settings.emplace_back("announcement changed");
    if (changes_.recorder) plan_.settings.emplace_back("recorder changed");
  }

  void removed(const ServiceKey& key) {
    PlannedService planned{PlanAction::removed, to_string(key), key, {}, {}, 0, of_service(key)};
    if (const VirtualService* const service = old(key)) {
      planned.name = service->name;
      planned.size = service->destinations.size();
    }
    ended_ += planned.connections;
    plan_.services.push_back(std::move(planned));
  }

  void changed(const ServiceChange& change) {
    const VirtualService* const before = old(change.next.key);
    PlannedService planned{PlanAction::changed,
                           change.next.name,
                           change.next.key,
                           {},
                           {},
                           change.next.destinations.size(),
                           of_service(change.next.key)};
    if (before != nullptr) planned.details = edits(change, *before);
    const auto add = [&](PlanAction action, const Endpoint& endpoint,
                         std::vector<std::string> details) {
      planned.destinations.push_back(
          {action, endpoint, std::move(details), of(change.next.key, endpoint)});
    };
    for (const Endpoint& endpoint : change.added) add(PlanAction::added, endpoint, {});
    for (const Endpoint& endpoint : change.removed) {
      add(PlanAction::removed, endpoint, {});
      ended_ += of(change.next.key, endpoint);
    }
    for (const Endpoint& endpoint : change.edited) {
      const Destination* const was = before != nullptr ? find(*before, endpoint) : nullptr;
      const Destination* const now = find(change.next, endpoint);
      add(PlanAction::changed, endpoint,
          was != nullptr && now != nullptr ? edits(*was, *now) : std::vector<std::string>());
      if (now != nullptr && now->weight.value() == 0) quiesced_ += of(change.next.key, endpoint);
    }
    plan_.services.push_back(std::move(planned));
  }

  // Of those that the core takes: reference 1.3, 2.6.
  void consequences() {
    if (ended_ > 0) {
      const std::string what = counted(ended_, "connection") + " of what is removed ";
      if (!next_.ipvs.expire_nodest_conn) {
        plan_.consequences.push_back(what + "go on until they end");
      } else if (*next_.ipvs.expire_nodest_conn) {
        plan_.consequences.push_back(what + "are forgotten, and their clients placed anew");
      } else {
        plan_.consequences.push_back(what + "are dropped (ipvs.expire_nodest_conn: false)");
      }
    }
    if (quiesced_ > 0) {
      plan_.consequences.push_back(counted(quiesced_, "connection") +
                                   " of what is quiesced go on; no new ones come");
    }
  }

  const Changes& changes_;
  std::unordered_map<ServiceKey, const VirtualService*, ServiceKeyHash> old_;
  const Config& next_;
  const LiveConnections& live_;
  Plan plan_;
  std::uint64_t ended_ = 0, quiesced_ = 0;
};

std::string number(std::uint64_t connections, bool shown) {
  return shown && connections > 0 ? fmt::format(" [{}]", counted(connections, "connection")) : "";
}

std::string line(const PlannedDestination& destination, bool connections) {
  const std::string place = to_string(destination.endpoint);
  const std::string live = number(destination.connections, connections);
  switch (destination.action) {
    case PlanAction::added:
      return place + " added" + live;
    case PlanAction::removed:
      return place + " removed" + live;
    case PlanAction::changed:
      return fmt::format("{} now {}{}", place, fmt::join(destination.details, ", now "), live);
  }
  return place;
}

std::string line(const PlannedService& service, bool connections) {
  const std::string called = fmt::format("service {} ({})", service.name, to_string(service.key));
  const std::string live = number(service.connections, connections);
  switch (service.action) {
    case PlanAction::added:
      return fmt::format("{} added with {}{}", called, counted(service.size, "destination"), live);
    case PlanAction::removed:
      return called + " removed" + live;
    case PlanAction::changed:
      break;
  }
  std::vector<std::string> parts = service.details;
  for (const PlannedDestination& destination : service.destinations) {
    parts.push_back(line(destination, connections));
  }
  return fmt::format("{}: {}", called, fmt::join(parts, ", "));
}

}  // namespace

std::string_view to_string(PlanAction action) {
  switch (action) {
    case PlanAction::added:
      return "added";
    case PlanAction::changed:
      return "changed";
    case PlanAction::removed:
      return "removed";
  }
  return "";
}

LiveConnections live_connections(const std::vector<DirectorSnapshot>& workers) {
  LiveConnections live;
  for (const DirectorSnapshot& worker : workers) {
    for (const ServiceSnapshot& service : worker.services) {
      for (const DestinationSnapshot& destination : service.destinations) {
        const std::uint64_t connections = std::uint64_t{destination.active} + destination.inactive;
        if (connections > 0) live[{service.key, destination.config.endpoint}] += connections;
      }
    }
  }
  return live;
}

std::string summarize(const Changes& changes) {
  std::vector<std::string> parts;
  auto say = [&parts](std::size_t number, std::string_view noun, std::string_view verb) {
    if (number == 0) return;
    parts.push_back(fmt::format("{} {}", counted(number, noun), verb));
  };
  const Totals totals = count(changes.changed);
  say(changes.added.size(), "service", "added");
  say(changes.removed.size(), "service", "removed");
  say(totals.added, "destination", "added");
  say(totals.removed, "destination", "removed");
  say(totals.edited, "destination", "edited");
  say(totals.schedulers, "scheduler", "changed");
  say(totals.settings, "service", "with other settings");
  say(totals.renamed, "service", "renamed");
  say(totals.reordered, "service", "reordered");
  if (changes.timeouts) parts.emplace_back("timeouts changed");
  if (changes.ipvs) parts.emplace_back("ipvs settings changed");
  if (changes.announce) parts.emplace_back("announcement changed");
  if (changes.recorder) parts.emplace_back("recorder changed");
  say(changes.needs_restart.size(), "setting", "waiting for a restart");
  return parts.empty() ? "nothing changed" : fmt::format("{}", fmt::join(parts, ", "));
}

Plan make_plan(const Changes& changes, const Config& old, const Config& next,
               const LiveConnections& live) {
  return Planner(changes, old, next, live).make();
}

void note_metrics(Plan& plan, const std::optional<Endpoint>& old,
                  const std::optional<Endpoint>& next) {
  if (old == next) return;
  const std::string what = "metrics " + (next ? "at " + to_string(*next) : "off");
  plan.summary = plan.empty() ? what : plan.summary + ", " + what;
  plan.settings.push_back(what);
}

void note_checks(Plan& plan, const Changes& changes, const std::vector<ServiceHealth>& health) {
  const HealthIndex checks(health);
  std::uint64_t checked = 0;
  const auto count = [&](const ServiceKey& key, const Endpoint& endpoint) {
    const ServiceHealth* const found = checks.find(key);
    if (found != nullptr && found->of(endpoint) != nullptr) ++checked;
  };
  for (const VirtualService& service : changes.added) {
    for (const Destination& each : service.destinations) count(service.key, each.endpoint);
  }
  for (const ServiceChange& change : changes.changed) {
    for (const Endpoint& endpoint : change.added) count(change.next.key, endpoint);
  }
  if (checked == 0) return;
  plan.consequences.push_back(counted(checked, "new destination") +
                              (checked == 1 ? " begins" : " begin") +
                              " at weight 0; the file's counts once a check has succeeded");
}

std::vector<std::string> lines(const Plan& plan, bool connections) {
  std::vector<std::string> all = plan.settings;
  for (const PlannedService& service : plan.services) all.push_back(line(service, connections));
  return all;
}

}  // namespace lvsd
