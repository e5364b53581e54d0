// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/agent.h"

#include <charconv>

namespace lvsd {
namespace {

constexpr std::string_view kSeparators = " \t,";
constexpr unsigned kMostPercent = 256;  // haproxy's largest weight, too

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool take_word(std::string_view word, AgentReport& report) {
  if (word == "ready") {
    report.ready = true;
  } else if (word == "drain" || word == "maint") {
    report.ready = false;
  } else if (word == "up") {
    report.up = true;
  } else if (word == "down" || word == "failed" || word == "stopped") {
    report.up = false;
  } else if (word.ends_with('%')) {
    report.percent = number(word.substr(0, word.size() - 1));
    return report.percent && *report.percent <= kMostPercent;
  } else if (word.starts_with("maxconn:")) {
    return number(word.substr(8)).has_value();
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<AgentReport> parse_agent(std::string_view line) {
  line = line.substr(0, line.find_first_of("\r\n"));
  AgentReport report;
  if (const std::size_t hash = line.find('#'); hash != std::string_view::npos) {
    report.reason = line.substr(hash + 1);
    line = line.substr(0, hash);
  }
  bool any = false;
  while (true) {
    const std::size_t begin = line.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const std::string_view word = line.substr(0, line.find_first_of(kSeparators));
    if (!take_word(word, report)) return std::nullopt;
    line.remove_prefix(word.size());
    any = true;
  }
  if (!any) return std::nullopt;
  return report;
}

void AgentState::take(const AgentReport& report) {
  percent = report.percent.value_or(percent);
  ready = report.ready.value_or(ready);
  up = report.up.value_or(up);
}

}  // namespace lvsd
