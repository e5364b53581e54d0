// SPDX-License-Identifier: GPL-2.0-or-later
// Where spdlog's lines go. Everything goes to standard error: systemd hands that to the journal,
// and a `<N>` prefix (sd-daemon(3)) gives the priority there, without a journal socket being
// needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lvsd {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogTarget : std::uint8_t { automatic, standard_error, journal };
std::optional<LogLevel> parse_log_level(std::string_view name);
std::optional<LogTarget> parse_log_target(std::string_view name);

void open_log(LogLevel level, LogTarget target);

}  // namespace lvsd
