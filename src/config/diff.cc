// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/diff.h"

#include <unordered_map>

#include "lvsd/model/service_index.h"

namespace lvsd {
namespace {

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const {
    return IpAddressHash()(endpoint.address) * 65599U + endpoint.port.host();
  }
};

// Which destinations came, went and changed. `reordered` looks at those that stayed: a newcomer
// among them is no reordering.
void diff_destinations(const VirtualService& old, const VirtualService& next,
                       ServiceChange& change) {
  std::unordered_map<Endpoint, std::size_t, EndpointHash> before;
  for (std::size_t i = 0; i < old.destinations.size(); ++i) {
    before.emplace(old.destinations[i].endpoint, i);
  }
  std::vector<bool> kept(old.destinations.size(), false);
  std::size_t last = 0;
  for (const Destination& destination : next.destinations) {
    const auto found = before.find(destination.endpoint);
    if (found == before.end()) {
      change.added.push_back(destination.endpoint);
      continue;
    }
    const std::size_t place = found->second;
    kept[place] = true;
    if (place < last) change.reordered = true;
    last = place;
    const Destination& was = old.destinations[place];
    if (was != destination) change.edited.push_back(destination.endpoint);
    if (was.method != destination.method) change.methods_changed = true;
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) change.removed.push_back(old.destinations[i].endpoint);
  }
}

ServiceChange diff_service(const VirtualService& old, const VirtualService& next) {
  ServiceChange change;
  change.next = next;
  change.scheduler_changed =
      old.scheduler != next.scheduler || old.scheduler_flags != next.scheduler_flags;
  change.settings_changed = old.persistence != next.persistence || old.helper != next.helper ||
                            old.one_packet != next.one_packet || old.timeouts != next.timeouts ||
                            old.oversize != next.oversize || old.hairpin != next.hairpin ||
                            old.probes != next.probes;
  change.renamed = old.name != next.name;
  if (old.destinations != next.destinations) diff_destinations(old, next, change);
  return change;
}

void diff_services(const Config& old, const Config& next, Changes& changes) {
  ServiceIndex before(old.services);
  std::vector<bool> kept(old.services.size(), false);
  for (const VirtualService& service : next.services) {
    const auto place = before.find(service.key);
    if (!place) {
      changes.added.push_back(service);
      continue;
    }
    kept[*place] = true;
    const VirtualService& was = old.services[*place];
    if (was != service) changes.changed.push_back(diff_service(was, service));
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) changes.removed.push_back(old.services[i].key);
  }
}

std::vector<std::string> diff_startup(const StartupConfig& old, const StartupConfig& next) {
  std::vector<std::string> paths;
  const auto compare = [&](bool equal, const char* path) {
    if (!equal) paths.emplace_back(path);
  };
  compare(old.workers == next.workers, "director.workers");
  compare(old.cpus == next.cpus, "director.cpus");
  compare(old.overload == next.overload, "director.overload");
  // Clients that meet different workers cannot be kept together by a mask that came later.
  const bool spread = old.workers != 1;
  compare(
      !spread || next.steering.v4 >= old.steering.v4,
      "persistence.netmask (IPv4 clients are spread over the workers by more of their address)");
  compare(
      !spread || next.steering.v6 >= old.steering.v6,
      "persistence.netmask (IPv6 clients are spread over the workers by more of their address)");
  compare(old.backend == next.backend, "director.capture.backend");
  compare(old.stage == next.stage, "director.capture.stage");
  compare(old.queue == next.queue, "director.capture.queue");
  compare(old.queue_length == next.queue_length, "director.capture.queue_length");
  compare(old.super_packets == next.super_packets, "director.capture.super_packets");
  compare(old.probe_marks == next.probe_marks, "director.capture.probe_marks");
  compare(old.queue_bypass == next.queue_bypass, "director.capture.queue_bypass");
  compare(old.connection_limit == next.connection_limit, "director.connections.limit");
  return paths;
}

}  // namespace

Changes diff(const Config& old, const Config& next) {
  Changes changes;
  if (old.timeouts != next.timeouts) changes.timeouts = next.timeouts;
  if (old.ipvs != next.ipvs) changes.ipvs = next.ipvs;
  if (old.announce != next.announce) changes.announce = next.announce;
  if (old.recorder != next.recorder) changes.recorder = next.recorder;
  diff_services(old, next, changes);
  changes.needs_restart = diff_startup(old.startup, next.startup);
  return changes;
}

}  // namespace lvsd
