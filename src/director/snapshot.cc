// SPDX-License-Identifier: GPL-2.0-or-later
// Copies of what the director holds, for people.
#include <algorithm>

#include "state.h"

namespace lvsd {
namespace {

DestinationSnapshot copy(DestinationId id, const DestinationState& state) {
  return {.id = id,
          .config = state.config,
          .active = state.active,
          .inactive = state.inactive,
          .persistent = state.persistent,
          .overloaded = state.overloaded,
          .retired = state.retired,
          .statistics = state.statistics};
}

}  // namespace

DirectorSnapshot Director::State::snapshot() const {
  DirectorSnapshot out;
  const auto add = [&](const Service& service) {
    ServiceSnapshot entry;
    entry.name = service.name;
    entry.key = service.key;
    entry.scheduler = service.kind;
    entry.scheduler_flags = service.flags;
    entry.persistence = service.persistence;
    entry.one_packet = service.one_packet;
    entry.statistics = service.statistics;
    for (const DestinationId id : service.order) {
      entry.destinations.push_back(copy(id, destinations[id]));
    }
    for (const DestinationId id : destinations.retired()) {
      if (destinations.service_of(id) == &service) {
        entry.destinations.push_back(copy(id, destinations[id]));
      }
    }
    out.services.push_back(std::move(entry));
  };
  for (const auto& [key, service] : services) add(*service);
  for (const auto& service : removed) {
    add(*service);
    out.services.back().removed = true;
  }
  std::stable_sort(
      out.services.begin(), out.services.end(),
      [](const ServiceSnapshot& a, const ServiceSnapshot& b) { return a.key < b.key; });
  out.counters = counters;
  out.timeouts = timeouts;
  out.connections = connections.size();
  out.connection_limit = connections.limit();
  out.connection_buckets = connections.buckets();
  return out;
}

}  // namespace lvsd
