// SPDX-License-Identifier: GPL-2.0-or-later
// A plan on the control socket, and for --json: version 1 of the control protocol; keys are only
// added.
#include <nlohmann/json.hpp>

#include "lvsd/control/plan.h"

namespace lvsd {
namespace {

using nlohmann::json;

json to_json(const PlannedDestination& destination) {
  return {{"action", to_string(destination.action)},
          {"destination", to_string(destination.endpoint)},
          {"details", destination.details},
          {"connections", destination.connections}};
}

json to_json(const PlannedService& service) {
  json destinations = json::array();
  for (const PlannedDestination& d : service.destinations) destinations.push_back(to_json(d));
  return {{"action", to_string(service.action)},     {"service", service.name},
          {"listen", to_string(service.key)},        {"details", service.details},
          {"destinations", std::move(destinations)}, {"size", service.size},
          {"connections", service.connections}};
}

}  // namespace

json to_json(const Plan& plan) {
  json services = json::array();
  for (const PlannedService& service : plan.services) services.push_back(to_json(service));
  return {{"summary", plan.summary},
          {"empty", plan.empty()},
          {"settings", plan.settings},
          {"services", std::move(services)},
          {"needs_restart", plan.needs_restart},
          {"consequences", plan.consequences},
          {"lines", lines(plan, false)}};
}

}  // namespace lvsd
