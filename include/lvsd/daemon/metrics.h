// SPDX-License-Identifier: GPL-2.0-or-later
// The state as Prometheus reads it. Names and labels of destinations are those of node_exporter's
// ipvs collector with lvsd_ for node_ipvs_, so that its dashboards need one replacement; every
// reason has its series from the start, so that rate() sees the first packet.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/daemon/exposure.h"
#include "lvsd/daemon/health_view.h"
#include "lvsd/daemon/reload.h"
#include "lvsd/io/worker.h"

namespace lvsd {

struct MetricsFacts {
  std::vector<WorkerSnapshot> workers;
  const Config& running;
  const Network& network;
  Exposure::View exposure;
  std::chrono::system_clock::time_point started;
  const std::array<std::uint64_t, kReloadOutcomes>& reloads;  // by outcome
  const std::optional<ReloadResult>& last_reload;
  HealthView health = {};
};
std::string metrics_text(MetricsFacts facts);

}  // namespace lvsd
