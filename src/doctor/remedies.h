// SPDX-License-Identifier: GPL-2.0-or-later
// How findings name a destination, and what mends it: whole commands, as far as all is known.
#pragma once

#include "checks.h"

namespace lvsd::doctor {

bool is_dr(const DestinationEvidence& seen);
bool is_tunnel(const DestinationEvidence& seen);
bool is_nat(const DestinationEvidence& seen);
bool off_link(const DestinationEvidence& seen);  // behind a router

std::string rip(const DestinationEvidence& seen);
std::string vip(const DestinationEvidence& seen);
std::string director_of(const DestinationEvidence& seen);

void add(Findings& out, const DestinationEvidence& seen, std::string_view name, std::string what,
         std::string evidence, std::string remedy, Severity severity = Severity::fault);
void cannot_tell(Findings& out, const DestinationEvidence& seen, std::string what,
                 std::string evidence);

// What the real server is to be told.
std::string apply_there(const DestinationEvidence& seen, const std::string& more = {});
// The rule that lets in what was rejected or dropped: the tunnel's packets, or the service's.
std::string accept_there(const DestinationEvidence& seen, bool outer);
// The command that gives the route to it an MTU; 0: not known.
std::string route_with_mtu(const DestinationEvidence& seen, std::uint32_t mtu);

}  // namespace lvsd::doctor
