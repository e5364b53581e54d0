// SPDX-License-Identifier: GPL-2.0-or-later
// Where spdlog's lines go: standard error, the journal by its own protocol, which has fields
// (event.h), syslog, or JSON lines on standard error. Where the journal's socket is not there, its
// lines go to standard error with a `<N>` prefix (sd-daemon(3)), which gives the priority.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lvsd {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogTarget : std::uint8_t { automatic, standard_error, journal, syslog, json };
std::optional<LogLevel> parse_log_level(std::string_view name);
std::optional<LogTarget> parse_log_target(std::string_view name);

void open_log(LogLevel level, LogTarget target);

}  // namespace lvsd
