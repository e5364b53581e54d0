// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/reload.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lvsd {

std::string_view to_string(ReloadOutcome outcome) {
  using enum ReloadOutcome;
  switch (outcome) {
    case applied:
      return "applied";
    case refused:
      return "refused";
    case incomplete:
      return "incomplete";
  }
  return "";
}

nlohmann::json to_json(const ReloadResult& result) {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(result.time);
  return {{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                               fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)))},
          {"outcome", to_string(result.outcome)},
          {"summary", result.summary},
          {"changes", result.changes},
          {"problems", result.problems},
          {"needs_restart", result.needs_restart}};
}

}  // namespace lvsd
