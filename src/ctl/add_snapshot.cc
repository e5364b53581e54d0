// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/add_snapshot.h"

#include <algorithm>

#include "lvsd/director/snapshot_sum.h"

namespace lvsd::ctl {

void add_snapshot(DirectorSnapshot& to, const DirectorSnapshot& from) {
  to.counters.originated += from.counters.originated;
  to.counters.probes += from.counters.probes;
  to.counters.statistics += from.counters.statistics;
  to.connections += from.connections;
  to.connection_limit += from.connection_limit;
  for (const ServiceSnapshot& service : from.services) {
    const auto same = std::ranges::find_if(to.services, [&](const ServiceSnapshot& s) {
      return s.key == service.key && s.removed == service.removed;
    });
    if (same == to.services.end()) {
      to.services.push_back(service);
    } else {
      *same += service;
    }
  }
}

}  // namespace lvsd::ctl
