// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/drift_format.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lvsd/control/words.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::string in(const json& drain, const char* key, std::int64_t now) {
  return format_span(drain.at(key).get<std::int64_t>() - now);
}

std::string drain_text(const json& each, std::int64_t now) {
  const json& drain = each.at("drain");
  const auto open = each.at("open_connections").get<std::uint64_t>();
  std::string text = fmt::format(
      "drained {} ago, {} of {} left", format_span(now - drain.at("since").get<std::int64_t>()),
      counted(open, "open connection"), drain.at("connections_at_start").get<std::uint64_t>());
  if (open == 0) {
    text += ": done";
  } else if (drain.contains("estimated_end")) {
    text += ", at this rate for " + in(drain, "estimated_end", now);
  }
  if (!drain.contains("deadline")) return text;
  const auto what = drain.at("on_deadline").get<std::string>();
  return text + (drain.at("ended").get<bool>() ? "; deadline passed: " + what
                                               : "; " + what + " in " + in(drain, "deadline", now));
}

}  // namespace

std::string format_span(std::int64_t seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds >= 86400) return fmt::format("{}d {}h", seconds / 86400, seconds / 3600 % 24);
  if (seconds >= 3600) return fmt::format("{}h {}m", seconds / 3600, seconds / 60 % 60);
  if (seconds >= 60) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string format_drift(const json& reply) {
  const auto now = reply.at("now").get<std::int64_t>();
  std::string lines;
  for (const json& each : reply.at("drift")) {
    lines +=
        fmt::format("{} ({})\n  -> {}\n", each.at("service").get<std::string>(),
                    each.at("key").get<std::string>(), each.at("destination").get<std::string>());
    if (each.contains("weight")) {
      lines +=
          fmt::format("     weight {}, the file says {}\n", each.at("weight").get<std::uint64_t>(),
                      each.at("file_weight").get<std::uint64_t>());
    }
    if (each.contains("drain")) lines += "     " + drain_text(each, now) + "\n";
  }
  return lines.empty() ? "nothing differs from the file\n" : lines;
}

}  // namespace lvsd::ctl
