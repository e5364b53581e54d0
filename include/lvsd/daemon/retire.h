// SPDX-License-Identifier: GPL-2.0-or-later
// What stays captured after it left the configuration. A removed service or destination keeps its
// connections until they end (design section 4, "Reload"); for that their packets must still reach
// the queue, NAT replies included. So what is captured is a configuration of its own: the one that
// runs, and what is retired but not yet empty.
//
// An edited method is different. A connection keeps the method that it began with, and NAT needs
// more captured than tunnels do, tunnels more than direct routing. But which method the connections
// of a destination have is not told, and a busy one always has some. So the wider capture stays as
// long as it has any, perhaps for ever: a member more in a set, and no reason to speak of
// retirement.
//
// A removed service keeps its address only while a connection of it is open: TCP connections that
// are closing (IPVS calls them inactive) live for minutes in the table, but need no more than the
// rules. While the address is kept, a new connection is answered by the local stack, with a reset
// as for any closed port.
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
// Destinations with connections on any worker; with open ones: active, or UDP, which never is.
struct Live {
  std::set<LiveDestination> any, open;
};
Live live_destinations(const std::vector<DirectorSnapshot>& workers);

// `captured` without what is neither in `next` nor live: safe to stop capturing before the workers
// forget it.
Config without_dead(const Config& captured, const Config& next, const Live& live);
// `next`, and what of `captured` is not in it but live.
Config with_retired(const Config& captured, const Config& next, const Live& live);

// `captured`, and what its services get by `next` that needs more captured than requests: replies
// of a new NAT destination must reach the queue before a worker sends the first connection there.
Config with_coming(const Config& captured, const Config& next);
bool has_coming(const Config& captured, const Config& next);  // whether that is anything

// Whether `captured` has a service that is not in `next`.
bool has_removed(const Config& captured, const Config& next);

// The services of which `captured` has more than `running`, which is what it was made for: who
// wants to know what of it still lives has to ask for these, beside those that change.
std::vector<ServiceKey> widened(const Config& captured, const Config& running);

// Whether `captured` has a service or a destination that is not in `running`; one whose method was
// edited is.
bool has_retired(const Config& captured, const Config& running);

// The addresses of `captured` that are to be announced: of services in `next`, and of retired ones
// with open connections. Sorted, without duplicates.
std::vector<IpAddress> announced(const Config& captured, const Config& next, const Live& live);

}  // namespace lvsd
