// SPDX-License-Identifier: GPL-2.0-or-later
// The checks, by what they look at. Each appends what it finds.
#pragma once

#include "lvsd/doctor/judge.h"

namespace lvsd::doctor {

using Findings = std::vector<Finding>;

inline Finding on(const DestinationEvidence& seen, std::string_view name) {
  Finding finding;
  finding.name = name;
  finding.service = seen.service;
  finding.destination = to_string(seen.destination.endpoint);
  return finding;
}

void check_host(const Evidence& evidence, Findings& out);
void check_vip(const Evidence& evidence, const VipEvidence& vip, Findings& out);
void check_way(const DestinationEvidence& seen, Findings& out);  // as far as the link
void check_server(const DestinationEvidence& seen, Findings& out);
void check_local(const DestinationEvidence& seen, Findings& out);  // one that is this host

void check_nat_return(const DestinationEvidence& seen, Findings& out);
void check_direct_return(const DestinationEvidence& seen, Findings& out);
void check_silent_port(const DestinationEvidence& seen, Findings& out);
void check_ways_back(const Evidence& evidence, Findings& out);

// Whether packets get as far as the server's link at all.
bool reachable(const DestinationEvidence& seen);

std::string describe(const Answer& answer);

}  // namespace lvsd::doctor
