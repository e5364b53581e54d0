// SPDX-License-Identifier: GPL-2.0-or-later
// The whole of lvsd.yaml: what the data path runs by, and beside it what that never sees: how
// destinations are checked, and where metrics are. load.h is for those who need the first alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/load.h"
#include "lvsd/model/health.h"

namespace lvsd {

struct ConfigFile {
  Config config;
  std::vector<ServiceHealth> health;     // of services that have any, in their order
  std::optional<Endpoint> metrics = {};  // where Prometheus is answered; none: nowhere
  friend bool operator==(const ConfigFile&, const ConfigFile&) = default;
};

Result<ConfigFile, Problems> parse_file(std::string_view text);
Result<ConfigFile, Problems> load_file(const std::string& file);

// With every default filled in; parses back to an equal one.
std::string show_file(const ConfigFile& file);

}  // namespace lvsd
