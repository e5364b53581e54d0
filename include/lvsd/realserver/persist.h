// SPDX-License-Identifier: GPL-2.0-or-later
// Files that bring everything that was applied back after a reboot, in the way the host's own
// network is configured. They are made anew as a whole each time: of one way at a time, and for all
// runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/realserver/lasting.h"

namespace lvsd::realserver {

enum class Persistence : std::uint8_t { systemd, networkd, ifupdown };
std::optional<Persistence> parse_persistence(std::string_view name);

// Steps of kind `file`, below `root` (empty: the host's own).
std::vector<Step> persist(const Lasting& lasting, Persistence how, const std::string& root);
// Whether it is one of the files that persist() may make there.
bool is_persisted(const std::string& path, const std::string& root);
// One word of an ExecStart= line: no specifier, no variable, spaces kept (systemd.service(5)).
std::string quote_for_systemd(const std::string& word);
// What the user has to do for the files to count.
std::string activation(Persistence how);

}  // namespace lvsd::realserver
