// SPDX-License-Identifier: GPL-2.0-or-later
// Files that bring a plan back after a reboot, in the way the host's own network is configured.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

enum class Persistence : std::uint8_t { systemd, networkd, ifupdown };
std::optional<Persistence> parse_persistence(std::string_view name);

// Steps of kind `file`, below `root` (empty: the host's own). `again` is the lvsctl command that
// made the plan, for the one that runs it again at boot.
std::vector<Step> persist(const Plan& plan, Persistence how, const std::string& root,
                          const std::vector<std::string>& again);
// One word of an ExecStart= line: no specifier, no variable, spaces kept (systemd.service(5)).
std::string quote_for_systemd(const std::string& word);
// What the user has to do for the files to count.
std::string activation(Persistence how);

}  // namespace lvsd::realserver
