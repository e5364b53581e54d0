// SPDX-License-Identifier: GPL-2.0-or-later
// The line that an agent on a real server answers with, as haproxy's agent-check has it: words
// separated by blanks or commas, in any order. "75%" is a share of the configured weight; "drain"
// and "maint" take it out, "ready" takes that back; "down", "failed" and "stopped" with an optional
// "#reason" mark it down, "up" takes that back. What a line does not mention stays as it was.
// "maxconn:N" is understood and without effect: thresholds are the file's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lvsd {

struct AgentReport {
  std::optional<unsigned> percent;  // 0 to 256
  std::optional<bool> ready, up;
  std::string reason;
  friend bool operator==(const AgentReport&, const AgentReport&) = default;
};

// Nothing where a word is none of these.
std::optional<AgentReport> parse_agent(std::string_view line);

// What an agent has said up to now.
struct AgentState {
  unsigned percent = 100;
  bool ready = true, up = true;
  bool draining() const { return !ready || percent == 0; }  // 0% is another way to say so
  void take(const AgentReport& report);
  friend bool operator==(const AgentState&, const AgentState&) = default;
};

}  // namespace lvsd
