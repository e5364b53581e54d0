// SPDX-License-Identifier: GPL-2.0-or-later
// Targets that have fields: JSON lines, and the journal's own protocol.
#define SD_JOURNAL_SUPPRESS_LOCATION  // ours would be this file's, which says nothing
#include "log_sinks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "log_fields.h"

namespace lvsd {
namespace {

std::string text_of(const spdlog::details::log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

std::string time_of(const spdlog::details::log_msg& message) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(message.time)),
                     milliseconds.count() % 1000);
}

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json line = {
        {"time", time_of(message)},
        {"level", std::string(spdlog::level::to_string_view(message.level).data())}};
    if (const Event* const event = LoggedFields::current()) {
      line["event"] = event->kind;
      if (!event->service.empty()) line["service"] = event->service;
      if (!event->destination.empty()) line["destination"] = event->destination;
      if (!event->reason.empty()) line["reason"] = event->reason;
    }
    line["message"] = text_of(message);
    const std::string text =
        line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::vector<std::string> fields{"MESSAGE=" + text_of(message),
                                    "PRIORITY=" + std::string(1, syslog_priority(message.level)),
                                    "SYSLOG_IDENTIFIER=lvsd"};
    if (const Event* const event = LoggedFields::current()) {
      fields.push_back("EVENT=" + event->kind);
      if (!event->service.empty()) fields.push_back("SERVICE=" + event->service);
      if (!event->destination.empty()) fields.push_back("DESTINATION=" + event->destination);
      if (!event->reason.empty()) fields.push_back("REASON=" + event->reason);
    }
    std::vector<iovec> parts;
    for (std::string& field : fields) parts.push_back({field.data(), field.size()});
    sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  }
  void flush_() override {}
};

}  // namespace

char syslog_priority(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return '2';
    case spdlog::level::err:
      return '3';
    case spdlog::level::warn:
      return '4';
    case spdlog::level::info:
      return '6';
    default:
      return '7';
  }
}

std::unique_ptr<spdlog::formatter> make_json_formatter() {
  return std::make_unique<JsonFormatter>();
}
std::shared_ptr<spdlog::sinks::sink> make_journal_sink() { return std::make_shared<JournalSink>(); }

}  // namespace lvsd
