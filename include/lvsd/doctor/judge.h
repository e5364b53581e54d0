// SPDX-License-Identifier: GPL-2.0-or-later
// Evidence -> findings: a table of independent checks, each of which knows one fault by name, says
// what it saw and what mends it. Where one fault hides another (who does not answer ARP cannot have
// an open port), the later check is silent: one cause, one finding.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/doctor/evidence.h"

namespace lvsd::doctor {

enum class Severity : std::uint8_t { fault, unknown, note };
std::string_view to_string(Severity severity);  // "fault", "cannot tell", "note"

struct Finding {
  std::string_view name;
  Severity severity = Severity::fault;
  std::string service, destination;  // empty: the host's, or of a virtual address
  std::string what, evidence, remedy;
  std::vector<std::string> services;  // the host's, or of an address: whom it concerns
};

std::vector<Finding> judge(const Evidence& evidence);

// Every name that judge() may use, each once, for the manual page.
std::span<const std::string_view> finding_names();

}  // namespace lvsd::doctor
