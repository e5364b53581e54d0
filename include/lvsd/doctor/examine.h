// SPDX-License-Identifier: GPL-2.0-or-later
// Gathers evidence: looks at this host, asks the network who has which address, and sends packets
// to each destination as clients' packets would come, by the service's method, watching what
// answers. All packets are the doctor's own, sent and heard through packet sockets, so neither the
// kernel's view of martians nor a running lvsd is in the way; connections that they open are reset.
#pragma once

#include <chrono>
#include <string>

#include "lvsd/doctor/evidence.h"

namespace lvsd::doctor {

struct Examination {
  Config config;
  std::optional<int> daemon;  // the process number of the lvsd that answered; none: it does not run
  bool rules_in_place = false;      // that lvsd says that its capture rules are there
  std::optional<IpAddress> client;  // whose answers of NAT to ask for; none: one is made up
  std::chrono::milliseconds patience{2000};  // with a probe that nobody answers
};

// Needs root. Throws std::system_error where packet sockets cannot be had.
Evidence examine(const Examination& wanted, const Network& network);

// The part that looks at this host alone.
HostEvidence inspect(const Examination& wanted, const Network& network);

}  // namespace lvsd::doctor
