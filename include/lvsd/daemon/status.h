// SPDX-License-Identifier: GPL-2.0-or-later
// What `lvsctl status` shows, as JSON: the daemon's side of it. lvsctl lays it out
// (ctl/live_status).
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/daemon/exposure.h"
#include "lvsd/daemon/health_view.h"
#include "lvsd/daemon/reload.h"
#include "lvsd/io/worker.h"

namespace lvsd {

struct StatusFacts {
  std::string config_file;
  std::chrono::seconds uptime{0};
  const Config& running;
  const std::vector<WorkerSnapshot>& workers;
  Exposure::View exposure;
  bool retiring = false;
  std::size_t overrides = 0;  // drains and weights set with lvsctl
  const std::optional<ReloadResult>& last_reload;
  HealthView health = {};
};
nlohmann::json status_json(const StatusFacts& facts);

// Verdicts of all workers.
Counters total_counters(const std::vector<WorkerSnapshot>& workers);
std::vector<DirectorSnapshot> directors(const std::vector<WorkerSnapshot>& workers);
std::vector<DirectorSnapshot> directors(std::vector<WorkerSnapshot>&& workers);

}  // namespace lvsd
