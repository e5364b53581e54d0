// SPDX-License-Identifier: GPL-2.0-or-later
// Things that happen to a service or destination, for people and for programs that search the log:
// one line each, both named, and the same as fields where the target has fields (journal, JSON).
// Other lines (start, stop, a reload's result) are spdlog's own and have a message only.
//
// A kind that comes in bursts (a flapping network, a script that drains a rack) is cut down: so
// many at once, then one a second, and the next line of that kind says how many were left out.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/daemon/log.h"

namespace lvsd {

struct Event {
  LogLevel level = LogLevel::info;
  std::string kind;  // "drain": what is counted together, and the field EVENT
  std::string service, destination;
  std::string reason;  // one word, for searching; empty: none
  std::string text;    // a sentence without the names
};
std::string to_string(const Event& event);  // service web, destination 10.0.0.11:80: drained

// How many of a kind may pass. Time is a parameter.
class EventLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr double kBurst = 50, kPerSecond = 1;
  // How many were left out since the last one that passed; nothing where this one is left out.
  std::optional<std::uint64_t> pass(const std::string& kind, Time now);

 private:
  struct Kind {
    double tokens = kBurst;
    Time last{};
    std::uint64_t left_out = 0;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

// From the control thread only.
void log(const Event& event);

}  // namespace lvsd
