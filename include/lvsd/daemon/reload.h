// SPDX-License-Identifier: GPL-2.0-or-later
// What a reload did, in words: for the log, for `lvsctl reload`, which waits for it, and for
// `lvsctl status`, which remembers it.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lvsd/model/changes.h"

namespace lvsd {

enum class ReloadOutcome : std::uint8_t {
  applied,     // also where nothing had changed
  refused,     // the file is bad, or a worker silent: nothing was touched
  incomplete,  // the new configuration runs, but the kernel refused a rule or an address so far,
               // or the overrides that it ended are still in their file
};
inline constexpr std::size_t kReloadOutcomes = 3;
std::string_view to_string(ReloadOutcome outcome);

struct ReloadResult {
  std::chrono::system_clock::time_point time;
  ReloadOutcome outcome = ReloadOutcome::applied;
  std::string summary;                     // "2 services added, 1 destination edited"
  std::vector<std::string> changes;        // as `lvsctl plan` has them (control/plan.h)
  std::vector<std::string> problems;       // FILE:LINE:COL: ... where refused; sentences otherwise
  std::vector<std::string> needs_restart;  // keys whose new values wait for a restart
};

nlohmann::json to_json(const ReloadResult& result);

}  // namespace lvsd
