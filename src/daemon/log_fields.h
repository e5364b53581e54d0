// SPDX-License-Identifier: GPL-2.0-or-later
// What a log line has besides its text, for the sinks that can say it: spdlog hands a sink nothing
// but text, so the fields lie where this thread's sinks find them for as long as the line is being
// written. Private to src/daemon.
#pragma once

#include <spdlog/common.h>

#include "lvsd/daemon/event.h"

namespace lvsd {

class LoggedFields {
 public:
  explicit LoggedFields(const Event& event) { logged = &event; }
  ~LoggedFields() { logged = nullptr; }
  LoggedFields(const LoggedFields&) = delete;
  LoggedFields& operator=(const LoggedFields&) = delete;
  static const Event* current() { return logged; }

 private:
  static thread_local const Event* logged;
};

spdlog::level::level_enum to_spdlog(LogLevel level);

}  // namespace lvsd
