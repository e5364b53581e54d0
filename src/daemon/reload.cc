// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/reload.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lvsd/control/words.h"

namespace lvsd {
namespace {

std::string called(const VirtualService& service) {
  return fmt::format("service {} ({})", service.name, to_string(service.key));
}

const VirtualService* find(const Config& config, const ServiceKey& key) {
  const auto found = std::find_if(config.services.begin(), config.services.end(),
                                  [&](const auto& service) { return service.key == key; });
  return found == config.services.end() ? nullptr : &*found;
}

const Destination* find(const VirtualService* service, const Endpoint& endpoint) {
  if (service == nullptr) return nullptr;
  const auto& all = service->destinations;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& d) { return d.endpoint == endpoint; });
  return found == all.end() ? nullptr : &*found;
}

// "10.0.0.12:80 now weight 3 (was 1)"
std::string describe_edit(const VirtualService* old, const VirtualService& next,
                          const Endpoint& endpoint) {
  const Destination* before = find(old, endpoint);
  const Destination* after = find(&next, endpoint);
  std::string text = to_string(endpoint);
  if (before == nullptr || after == nullptr) return text + " edited";
  if (before->weight != after->weight) {
    text += fmt::format(" now weight {} (was {})", after->weight.value(), before->weight.value());
  }
  if (before->thresholds != after->thresholds) {
    text +=
        fmt::format(" now thresholds {}/{} (was {}/{})", after->thresholds.upper,
                    after->thresholds.lower, before->thresholds.upper, before->thresholds.lower);
  }
  if (before->method != after->method) {
    text += fmt::format(" now {} (was {})", to_string(after->method), to_string(before->method));
  }
  return text;
}

std::string describe(const ServiceChange& change, const Config& old) {
  const VirtualService* before = find(old, change.next.key);
  std::vector<std::string> parts;
  if (change.renamed && before != nullptr) parts.push_back("was named " + before->name);
  if (change.scheduler_changed) {
    parts.push_back(fmt::format("scheduler now {}",
                                to_string(change.next.scheduler, change.next.scheduler_flags)));
  }
  for (const Endpoint& e : change.added) parts.push_back(to_string(e) + " added");
  for (const Endpoint& e : change.removed) parts.push_back(to_string(e) + " removed");
  for (const Endpoint& e : change.edited) parts.push_back(describe_edit(before, change.next, e));
  if (change.reordered) parts.emplace_back("destinations reordered");
  return fmt::format("{}: {}", called(change.next), fmt::join(parts, ", "));
}

struct Totals {
  std::size_t added = 0, removed = 0, edited = 0, schedulers = 0, renamed = 0, reordered = 0;
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
  }
  return totals;
}

}  // namespace

std::string_view to_string(ReloadOutcome outcome) {
  using enum ReloadOutcome;
  switch (outcome) {
    case applied:
      return "applied";
    case refused:
      return "refused";
    case incomplete:
      return "incomplete";
  }
  return "";
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
  say(totals.renamed, "service", "renamed");
  say(totals.reordered, "service", "reordered");
  if (changes.timeouts) parts.emplace_back("timeouts changed");
  if (changes.announce) parts.emplace_back("announcement changed");
  if (!changes.needs_restart.empty()) {
    say(changes.needs_restart.size(), "setting", "waiting for a restart");
  }
  return parts.empty() ? "nothing changed" : fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::string> describe(const Changes& changes, const Config& old) {
  std::vector<std::string> lines;
  for (const VirtualService& service : changes.added) {
    lines.push_back(fmt::format("{} added with {}", called(service),
                                counted(service.destinations.size(), "destination")));
  }
  for (const ServiceKey& key : changes.removed) {
    const VirtualService* service = find(old, key);
    lines.push_back((service != nullptr ? called(*service) : "service " + to_string(key)) +
                    " removed");
  }
  for (const ServiceChange& change : changes.changed) lines.push_back(describe(change, old));
  return lines;
}

nlohmann::json to_json(const ReloadResult& result) {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(result.time);
  return {{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                               fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)))},
          {"outcome", to_string(result.outcome)},
          {"summary", result.summary},
          {"problems", result.problems},
          {"needs_restart", result.needs_restart}};
}

}  // namespace lvsd
