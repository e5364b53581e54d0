// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/plan_traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lvsd/model/overloaded.h"

namespace lvsd::ctl {
namespace {

struct Key {
  std::uint8_t protocol;
  Endpoint client, virtual_end;
  std::uint64_t number;  // of those with these ends
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Fate {
  std::string service, first;  // the destination that it began with
  std::string at_reload;       // where its packets went before the reload
  bool moved = false;
};

// What became of each connection in one run.
class Fates {
 public:
  explicit Fates(std::optional<TimePoint> reload) : reload_(reload) {}

  void take(const ExplainedPacket& p) {
    if (!first_) first_ = p.time;
    last_ = p.time;
    const Decision& decision = p.decision;
    if (!decision.packet || !decision.packet->has_ports || decision.packet->is_icmp_error()) return;
    if (decision.way && decision.way->direction == Direction::reply) return;
    if (std::holds_alternative<Accept>(decision.verdict) &&
        !(decision.service && decision.service->match != ServiceMatch::none)) {
      return;  // nobody's, or a reply
    }
    const Tuple& tuple = decision.packet->tuple;
    const Ends ends{tuple.protocol,
                    {tuple.source, tuple.source_port},
                    {tuple.destination, tuple.destination_port}};
    const bool begins = decision.service && decision.service->schedulable;
    if (begins) ++numbers_[ends];
    const auto number = numbers_.find(ends);
    if (number == numbers_.end()) return;  // it was there before the capture
    note({ends.protocol, ends.client, ends.virtual_end, number->second}, p, begins);
  }

  const std::map<Key, Fate>& all() const { return fates_; }
  TimePoint half() const { return first_ ? *first_ + (last_ - *first_) / 2 : TimePoint(); }
  TimePoint first() const { return first_.value_or(TimePoint()); }

 private:
  struct Ends {
    std::uint8_t protocol;
    Endpoint client, virtual_end;
    friend auto operator<=>(const Ends&, const Ends&) = default;
  };

  static std::string destination_of(const Decision& decision) {
    return std::visit(
        Overloaded{[](const Drop& v) { return "refused: " + std::string(to_string(v.reason)); },
                   [](const Accept& v) {
                     return v.reason == AcceptReason::local_node
                                ? std::string("this host")
                                : "refused: " + std::string(to_string(v.reason));
                   },
                   [&](const auto&) { return to_string(decision.way->server); }},
        decision.verdict);
  }

  void note(const Key& key, const ExplainedPacket& p, bool begins) {
    const std::string destination = destination_of(p.decision);
    Fate& fate = fates_[key];
    if (begins) {
      fate.service = p.decision.service->name;
      fate.first = destination;
    }
    if (!reload_) return;
    if (p.time < *reload_) {
      fate.at_reload = destination;
    } else if (!fate.at_reload.empty()) {
      fate.moved = fate.moved || destination != fate.at_reload;
    }
  }

  std::optional<TimePoint> reload_;
  std::map<Ends, std::uint64_t> numbers_;
  std::map<Key, Fate> fates_;
  std::optional<TimePoint> first_;
  TimePoint last_{};
};

std::optional<Fates> run(const TrafficSettings& settings, const std::string& file,
                         std::optional<TimePoint> reload) {
  std::vector<Step> steps;
  if (reload) {
    steps.push_back({CaptureTime{reload->time_since_epoch(), false}, settings.new_file, true, {}});
  }
  CaptureRun capture({"plan", file, settings.pcap, settings.network, std::move(steps)});
  Fates fates(reload);
  Observer observer;
  observer.explained = [&fates](const ExplainedPacket& p) { fates.take(p); };
  if (!capture.open(false, std::move(observer))) return std::nullopt;
  capture.replay();
  return fates;
}

class Comparer {
 public:
  TrafficPlan compare(const Fates& before, const Fates& after, const Fates& reloaded) {
    for (const auto& [key, fate] : before.all()) {
      const auto found = after.all().find(key);
      count(fate.service, fate.first, found == after.all().end() ? kNone : found->second.first);
    }
    for (const auto& [key, fate] : after.all()) {
      if (!before.all().contains(key)) count(fate.service, kNone, fate.first);
    }
    for (const auto& [key, fate] : reloaded.all()) {
      if (!fate.moved) continue;
      ++services_[fate.service].mid_life;
      ++plan_.mid_life;
    }
    for (auto& [name, service] : services_) {
      service.name = name;
      for (const auto& [destination, counts] : shares_[name]) service.shares.push_back(counts);
      plan_.services.push_back(std::move(service));
    }
    return std::move(plan_);
  }

 private:
  static constexpr const char* kNone = "none: no service";

  void count(const std::string& name, const std::string& before, const std::string& after) {
    ServiceTraffic& service = services_[name];
    ++service.connections;
    ++plan_.connections;
    if (before != after) {
      ++service.elsewhere;
      ++plan_.elsewhere;
    }
    share(name, before).before += 1;
    share(name, after).after += 1;
  }
  DestinationShare& share(const std::string& service, const std::string& destination) {
    DestinationShare& counts = shares_[service][destination];
    counts.destination = destination;
    return counts;
  }

  TrafficPlan plan_;
  std::map<std::string, ServiceTraffic> services_;
  std::map<std::string, std::map<std::string, DestinationShare>> shares_;
};

}  // namespace

std::optional<TrafficPlan> plan_traffic(const TrafficSettings& settings) {
  const auto before = run(settings, settings.old_file, {});
  if (!before) return std::nullopt;
  const auto after = run(settings, settings.new_file, {});
  if (!after) return std::nullopt;
  const TimePoint at = settings.at ? settings.at->from(before->first()) : before->half();
  const auto reloaded = run(settings, settings.old_file, at);
  if (!reloaded) return std::nullopt;
  return Comparer().compare(*before, *after, *reloaded);
}

std::string format_traffic(const TrafficPlan& plan) {
  std::string out =
      fmt::format("{} of {} connections would go elsewhere ({:.2f}%), {} in mid-life\n",
                  plan.elsewhere, plan.connections, 100 * plan.share(), plan.mid_life);
  for (const ServiceTraffic& service : plan.services) {
    out += fmt::format("  {}: {} of {} elsewhere, {} in mid-life\n", service.name,
                       service.elsewhere, service.connections, service.mid_life);
    for (const DestinationShare& share : service.shares) {
      out += fmt::format("    {:<30} {:>8} -> {}\n", share.destination, share.before, share.after);
    }
  }
  return out;
}

nlohmann::json to_json(const TrafficPlan& plan) {
  nlohmann::json services = nlohmann::json::array();
  for (const ServiceTraffic& service : plan.services) {
    nlohmann::json shares = nlohmann::json::array();
    for (const DestinationShare& share : service.shares) {
      shares.push_back(
          {{"destination", share.destination}, {"before", share.before}, {"after", share.after}});
    }
    services.push_back({{"service", service.name},
                        {"connections", service.connections},
                        {"elsewhere", service.elsewhere},
                        {"mid_life", service.mid_life},
                        {"destinations", std::move(shares)}});
  }
  return {{"connections", plan.connections},
          {"elsewhere", plan.elsewhere},
          {"mid_life", plan.mid_life},
          {"share", plan.share()},
          {"services", std::move(services)}};
}

}  // namespace lvsd::ctl
