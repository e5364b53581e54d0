// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/event.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "log_fields.h"

namespace lvsd {

std::string to_string(const Event& event) {
  std::string line;
  if (!event.service.empty()) line = "service " + event.service;
  if (!event.destination.empty()) {
    line += (line.empty() ? "destination " : ", destination ") + event.destination;
  }
  line += (line.empty() ? "" : ": ") + event.text;
  return event.reason.empty() ? line : line + " (" + event.reason + ")";
}

std::optional<std::uint64_t> EventLimit::pass(const std::string& kind, Time now) {
  const auto [place, fresh] = kinds_.try_emplace(kind);
  Kind& state = place->second;
  if (!fresh) {
    const double passed = std::chrono::duration<double>(now - state.last).count();
    state.tokens = std::min(kBurst, state.tokens + std::max(0.0, passed) * kPerSecond);
  }
  state.last = now;
  if (state.tokens < 1) {
    ++state.left_out;
    return std::nullopt;
  }
  state.tokens -= 1;
  return std::exchange(state.left_out, 0);
}

void log(const Event& event) {
  static EventLimit limit;
  const auto left_out = limit.pass(event.kind, std::chrono::steady_clock::now());
  if (!left_out) return;
  const LoggedFields fields(event);
  std::string line = to_string(event);
  if (*left_out > 0) line += fmt::format("; {} more lines of this kind were left out", *left_out);
  spdlog::log(to_spdlog(event.level), "{}", line);
}

}  // namespace lvsd
