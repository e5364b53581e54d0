// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>

#include "log_fields.h"
#include "log_sinks.h"

namespace lvsd {
namespace {

// %P: syslog's number for the message's level.
class PriorityFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    out.push_back(syslog_priority(message.level));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

}  // namespace

thread_local const Event* LoggedFields::logged = nullptr;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return std::nullopt;
}

std::optional<LogTarget> parse_log_target(std::string_view name) {
  if (name == "auto") return LogTarget::automatic;
  if (name == "stderr") return LogTarget::standard_error;
  if (name == "journal") return LogTarget::journal;
  if (name == "syslog") return LogTarget::syslog;
  if (name == "json") return LogTarget::json;
  return std::nullopt;
}

namespace {

bool journal_listens() { return ::access("/run/systemd/journal/socket", W_OK) == 0; }

std::shared_ptr<spdlog::sinks::sink> sink_of(LogTarget target) {
  if (target == LogTarget::syslog) {
    return std::make_shared<spdlog::sinks::syslog_sink_mt>("lvsd", LOG_PID, LOG_DAEMON, false);
  }
  if (target == LogTarget::journal && journal_listens()) return make_journal_sink();
  return std::make_shared<spdlog::sinks::stderr_sink_mt>();
}

}  // namespace

void open_log(LogLevel level, LogTarget target) {
  if (target == LogTarget::automatic) {
    target =
        std::getenv("JOURNAL_STREAM") != nullptr ? LogTarget::journal : LogTarget::standard_error;
  }
  auto logger = std::make_shared<spdlog::logger>("lvsd", sink_of(target));
  if (target == LogTarget::json) {
    logger->set_formatter(make_json_formatter());
  } else {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PriorityFlag>('P').set_pattern(
        target == LogTarget::standard_error ? "%Y-%m-%d %H:%M:%S.%e %l: %v" : "<%P>%v");
    logger->set_formatter(std::move(formatter));
  }
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace lvsd
