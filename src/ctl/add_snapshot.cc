// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/add_snapshot.h"

#include <algorithm>

namespace lvsd::ctl {
namespace {

void add(Statistics& to, const Statistics& from) {
  to.connections += from.connections;
  to.packets_in += from.packets_in;
  to.packets_out += from.packets_out;
  to.bytes_in += from.bytes_in;
  to.bytes_out += from.bytes_out;
}

void add(ServiceSnapshot& to, const ServiceSnapshot& from) {
  add(to.statistics, from.statistics);
  for (const DestinationSnapshot& each : from.destinations) {
    const auto same = std::ranges::find_if(to.destinations, [&](const DestinationSnapshot& d) {
      return d.config.endpoint == each.config.endpoint && d.retired == each.retired;
    });
    if (same == to.destinations.end()) {
      to.destinations.push_back(each);  // retired here only
      continue;
    }
    same->active += each.active;
    same->inactive += each.inactive;
    same->persistent += each.persistent;
    same->overloaded = same->overloaded || each.overloaded;
    add(same->statistics, each.statistics);
  }
}

}  // namespace

void add_snapshot(DirectorSnapshot& to, const DirectorSnapshot& from) {
  to.counters.originated += from.counters.originated;
  to.counters.probes += from.counters.probes;
  add(to.counters.statistics, from.counters.statistics);
  to.connections += from.connections;
  to.connection_limit += from.connection_limit;
  for (const ServiceSnapshot& service : from.services) {
    const auto same = std::ranges::find_if(to.services, [&](const ServiceSnapshot& s) {
      return s.key == service.key && s.removed == service.removed;
    });
    if (same == to.services.end()) {
      to.services.push_back(service);
    } else {
      add(*same, service);
    }
  }
}

}  // namespace lvsd::ctl
