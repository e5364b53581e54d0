// SPDX-License-Identifier: GPL-2.0-or-later
// What stays captured after it left the configuration. A removed service or destination keeps its
// connections until they end (design section 4, "Reload"); for that their packets must still reach
// the queue, NAT replies included, and a VIP must stay reachable. So what is captured is a
// configuration of its own: the one that runs, and what is retired but not yet empty.
//
// A new connection to a removed service is not balanced any more: the local stack answers it, with
// a reset as for any closed port, for as long as the VIP is kept.
#pragma once

#include <compare>
#include <set>
#include <vector>

#include "lvsd/director/director.h"

namespace lvsd {

struct LiveDestination {
  ServiceKey service;
  Endpoint endpoint;
  friend auto operator<=>(const LiveDestination&, const LiveDestination&) = default;
};
using Live = std::set<LiveDestination>;

// Destinations with connections, on any worker.
Live live_destinations(const std::vector<DirectorSnapshot>& workers);

// `captured` without what is neither in `next` nor live: safe to stop capturing before the workers
// forget it.
Config without_dead(const Config& captured, const Config& next, const Live& live);
// `next`, and what of `captured` is not in it but live.
Config with_retired(const Config& captured, const Config& next, const Live& live);

std::vector<IpAddress> virtual_addresses(const Config& config);  // sorted, without duplicates

}  // namespace lvsd
