// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/effective.h"

#include <algorithm>

namespace lvsd {

namespace {

void apply(const Overrides& overrides, VirtualService& service) {
  if (overrides.empty()) return;
  for (Destination& each : service.destinations) {
    const Override* const what = overrides.find({service.key, each.endpoint});
    if (what == nullptr) continue;
    if (what->weight) each.weight = *what->weight;
    if (what->drain) each.drain = what->drain->effective();
  }
}

}  // namespace

VirtualService overridden(VirtualService service, const Overrides& overrides) {
  apply(overrides, service);
  return service;
}

Config effective(const Config& file, const Influences& influences) {
  Config config = file;
  for (VirtualService& service : config.services) {
    apply(influences.overrides, service);
    const auto health = influences.health.find(service.key);
    if (health != influences.health.end()) compose(service, health->second);
  }
  return config;
}

bool only_edits(const Changes& changes) {
  const auto keeps_destinations = [](const ServiceChange& change) {
    return change.added.empty() && change.removed.empty() && !change.settings_changed &&
           !change.methods_changed;
  };
  return changes.added.empty() && changes.removed.empty() && !changes.announce &&
         !changes.recorder && std::ranges::all_of(changes.changed, keeps_destinations);
}

}  // namespace lvsd
