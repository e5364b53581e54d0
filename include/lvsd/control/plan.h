// SPDX-License-Identifier: GPL-2.0-or-later
// What a reload does, in words and as data, before it is done: `lvsctl plan` prints it, and a
// reload logs, returns and remembers the same lines, made by the same functions of the same
// Changes. Whatever Changes carries is in here, so a plan without a line is a reload without
// effect.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lvsd/director/director.h"
#include "lvsd/model/changes.h"
#include "lvsd/model/health.h"

namespace lvsd {

enum class PlanAction : std::uint8_t { added, changed, removed };
std::string_view to_string(PlanAction action);

struct PlannedDestination {
  PlanAction action = PlanAction::changed;
  Endpoint endpoint;
  std::vector<std::string> details;  // "weight 3 (was 1)"
  std::uint64_t connections = 0;     // live ones, which this touches
};
struct PlannedService {
  PlanAction action = PlanAction::changed;
  std::string name;
  ServiceKey key;
  std::vector<std::string> details;  // "scheduler now rr (was wlc)"
  std::vector<PlannedDestination> destinations;
  std::size_t size = 0;  // destinations of a service added or removed
  std::uint64_t connections = 0;
};
struct Plan {
  std::vector<std::string> settings;  // of the whole file: "timeouts changed"
  std::vector<PlannedService> services;
  std::vector<std::string> needs_restart;
  std::string summary;                    // "2 services added, 1 destination changed"
  std::vector<std::string> consequences;  // what becomes of the connections that are touched
  bool empty() const { return settings.empty() && services.empty() && needs_restart.empty(); }
};

// Live connections by service and destination.
using LiveConnections = std::map<std::pair<ServiceKey, Endpoint>, std::uint64_t>;
LiveConnections live_connections(const std::vector<DirectorSnapshot>& workers);

// `changes` are those from `old` on; `next` tells what becomes of connections.
Plan make_plan(const Changes& changes, const Config& old, const Config& next,
               const LiveConnections& live);

// Adds what is not the data path's: where metrics are answered.
void note_metrics(Plan& plan, const std::optional<Endpoint>& old,
                  const std::optional<Endpoint>& next);
// Adds what becomes of new destinations that `health`, the next file's, has checked.
void note_checks(Plan& plan, const Changes& changes, const std::vector<ServiceHealth>& health);

std::string summarize(const Changes& changes);
// One line for each service that changes and each setting; `connections`: with their numbers.
std::vector<std::string> lines(const Plan& plan, bool connections);

nlohmann::json to_json(const Plan& plan);

}  // namespace lvsd
