// SPDX-License-Identifier: GPL-2.0-or-later
// What the keeper knows, as JSON: for people, and for the start after this one.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lvsd/daemon/health_keeper.h"
#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::int64_t kOldest = 120;  // seconds after which a record says nothing about now

TimePoint time_now() { return TimePoint(steady_clock::now().time_since_epoch()); }
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
std::string time_text(system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(system_clock::to_time_t(whole)));
}

std::optional<HealthState> parse_state(const std::string& text) {
  using enum HealthState;
  for (const HealthState state : {checking, up, down}) {
    if (to_string(state) == text) return state;
  }
  return std::nullopt;
}

}  // namespace

nlohmann::json HealthKeeper::report(std::string_view filter) const {
  json services = json::array();
  for (const auto& [key, pool] : pools_) {
    json destinations = json::array();
    for (const auto& [endpoint, member] : pool.members()) {
      const bool asked = filter.empty() || to_string(endpoint) == filter ||
                         to_string(endpoint.address) == filter || name_of(key) == filter ||
                         to_string(key) == filter;
      if (!asked || !member.track) continue;
      const Track& track = *member.track;
      json entry = {{"destination", to_string(endpoint)},
                    {"check", to_string(member.health->probe.type)},
                    {"state", to_string(track.state())},
                    {"since", seconds(time_now() - track.since())},
                    {"successes_in_a_row", track.successes()},
                    {"failures_in_a_row", track.failures()},
                    {"rise", track.rise(member.health->rules)},
                    {"fall", member.health->rules.fall},
                    {"share", track.share(pool.config().slow_start, time_now()) / 1000.0},
                    {"results", json::array()}};
      if (member.health->agent) {
        entry["agent"] = {{"percent", member.agent.percent},
                          {"ready", member.agent.ready},
                          {"up", member.agent.up}};
      }
      const Checked& checked = checked_.at(ids_.at({key, endpoint, false}));
      entry["checks_succeeded"] = checked.successes;
      entry["checks_failed"] = checked.failures;
      if (checked.expires != 0) entry["certificate_expires"] = checked.expires;
      for (const Seen& seen : checked.last) {
        entry["results"].push_back({{"time", time_text(seen.time)},
                                    {"success", seen.success},
                                    {"milliseconds", static_cast<double>(seen.took.count()) / 1000},
                                    {"text", seen.text}});
      }
      destinations.push_back(std::move(entry));
    }
    if (destinations.empty() && !filter.empty()) continue;
    const ServiceOutcome& outcome = influence_.at(key);
    services.push_back({{"name", name_of(key)},
                        {"service", to_string(key)},
                        {"quorum", outcome.quorum},
                        {"panic", outcome.panic},
                        {"sorry", outcome.sorry_server && !outcome.quorum},
                        {"destinations", std::move(destinations)}});
  }
  return {{"health", std::move(services)}};
}

HealthView HealthKeeper::view() const {
  HealthView view;
  for (const auto& [key, pool] : pools_) {
    for (const auto& [endpoint, member] : pool.members()) {
      if (!member.track) continue;
      const Checked& checked = checked_.at(ids_.at({key, endpoint, false}));
      view.destinations.push_back(
          {key, endpoint, member.track->state(), checked.successes, checked.failures,
           checked.last.empty() ? std::chrono::microseconds{} : checked.last.back().took,
           checked.expires});
    }
    const ServiceOutcome& outcome = influence_.at(key);
    if (!outcome.quorum) view.quorum_lost.push_back(name_of(key));
    if (outcome.panic) view.panic.push_back(name_of(key));
  }
  return view;
}

const CheckedView* HealthView::find(const ServiceKey& key, const Endpoint& endpoint) const {
  const auto name = [](const CheckedView& one) { return std::pair(one.key, one.endpoint); };
  const auto found = std::ranges::lower_bound(destinations, std::pair(key, endpoint), {}, name);
  return found != destinations.end() && name(*found) == std::pair(key, endpoint) ? &*found
                                                                                 : nullptr;
}

void HealthKeeper::save() {
  json services = json::object();
  for (const auto& [key, pool] : pools_) {
    json destinations = json::object();
    for (const auto& [endpoint, member] : pool.members()) {
      if (!member.track) continue;
      const TrackRecord record = member.track->record(time_now());
      destinations[to_string(endpoint)] = {{"state", to_string(record.state)},
                                           {"age", record.age.count()},
                                           {"flaps", record.flaps},
                                           {"ramps", record.ramps},
                                           {"percent", member.agent.percent},
                                           {"ready", member.agent.ready},
                                           {"up", member.agent.up}};
    }
    services[to_string(key)] = {{"quorum", influence_.at(key).quorum},
                                {"destinations", std::move(destinations)}};
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch());
  const std::string next = file_ + ".new";
  {
    std::ofstream out(next, std::ios::trunc);
    out << json{{"version", 1}, {"time", now.count()}, {"services", services}}.dump() << "\n";
    if (!out.flush()) return spdlog::warn("health: {} cannot be written", next);
  }
  if (std::rename(next.c_str(), file_.c_str()) != 0) {
    spdlog::warn("health: {} cannot be replaced", file_);
  }
}

void HealthKeeper::load() {
  const auto text = read_text_file(file_);
  if (!text) return;
  try {
    const json record = json::parse(*text);
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch());
    const std::int64_t age = now.count() - record.at("time").get<std::int64_t>();
    if (record.at("version") != 1 || age < 0 || age > kOldest) return;
    for (auto& [key, pool] : pools_) {
      const auto service = record.at("services").find(to_string(key));
      if (service == record.at("services").end()) continue;
      for (const auto& [name, entry] : service->at("destinations").items()) {
        const auto state = parse_state(entry.at("state").get<std::string>());
        const auto found = std::ranges::find_if(pool.members(), [&name = name](const auto& member) {
          return to_string(member.first) == name;
        });
        if (!state || found == pool.members().end()) continue;
        const Duration passed(entry.at("age").get<std::int64_t>());
        pool.restore(
            found->first,
            {*state, passed + std::chrono::seconds(age),
             std::min(entry.at("flaps").get<unsigned>(), 4U), entry.at("ramps").get<bool>()},
            {entry.at("percent").get<unsigned>(), entry.at("ready").get<bool>(),
             entry.at("up").get<bool>()},
            time_now());
      }
      pool.restore_quorum(service->at("quorum").get<bool>());
    }
    spdlog::info("health: goes on with what was known {} s ago", age);
  } catch (const json::exception&) {
    spdlog::warn("health: {} cannot be read; every check begins anew", file_);
  }
}

}  // namespace lvsd
