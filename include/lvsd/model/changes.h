// SPDX-License-Identifier: GPL-2.0-or-later
// What turns one configuration into another: made by config/diff, applied by Director::apply
// between two batches. Only what changed is in it, so that reloading one service out of ten
// thousand costs one.
#pragma once

#include <optional>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/shared_load.h"

namespace lvsd {

struct ServiceChange {
  VirtualService next;  // the service as it will be, destinations in their new order
  bool scheduler_changed = false;
  bool settings_changed = false;  // persistence, one-packet scheduling, timeouts
  bool renamed = false;
  bool reordered = false;                // same destinations, another order
  std::vector<Endpoint> added, removed;  // destinations
  std::vector<Endpoint> edited;          // weight, thresholds or method
  bool methods_changed = false;          // of one of these: other packets are captured then
  friend bool operator==(const ServiceChange&, const ServiceChange&) = default;
};

struct Changes {
  std::optional<Timeouts> timeouts;  // set only where they differ
  std::optional<IpvsOptions> ipvs;
  std::optional<Announce> announce;
  std::optional<RecorderLimits> recorder;
  std::vector<VirtualService> added;
  std::vector<ServiceKey> removed;
  std::vector<ServiceChange> changed;
  std::vector<std::string>
      needs_restart;  // paths of changed StartupConfig keys: "director.workers"
  // Where several directors share the work: counters of the destinations that are added.
  std::shared_ptr<const Loads> loads;
  bool empty() const {
    return !timeouts && !ipvs && !announce && !recorder && added.empty() && removed.empty() &&
           changed.empty() && needs_restart.empty();
  }
};

}  // namespace lvsd
