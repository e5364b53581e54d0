// SPDX-License-Identifier: GPL-2.0-or-later
// Private to src/daemon.
#pragma once

#include <spdlog/formatter.h>
#include <spdlog/sinks/sink.h>

#include <memory>

namespace lvsd {

char syslog_priority(spdlog::level::level_enum level);  // as a digit
std::unique_ptr<spdlog::formatter> make_json_formatter();
std::shared_ptr<spdlog::sinks::sink> make_journal_sink();

}  // namespace lvsd
