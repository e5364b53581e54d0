// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/status.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "lvsd/control/reason_json.h"

namespace lvsd {
namespace {

using nlohmann::json;

json worker_json(const WorkerSnapshot& worker, unsigned queue) {
  const EdgeCounters& edge = worker.edge;
  return {{"queue", queue},
          {"queue_waiting", edge.queue_waiting},
          {"queue_dropped", edge.queue_dropped},
          {"openers_waiting", edge.openers_waiting},
          {"openers_dropped", edge.openers_dropped},
          {"openers_undelivered", edge.openers_undelivered},
          {"handed_on", edge.handed_on},
          {"user_dropped", edge.user_dropped},
          {"overruns", edge.overruns},
          {"truncated", edge.truncated},
          {"received", edge.received},
          {"batches", edge.batches},
          {"sent_frames", edge.sent_frames},
          {"sent_routed", edge.sent_routed},
          {"send_errors", edge.send_errors},
          {"send_no_buffer", edge.send_no_buffer},
          {"send_link_down", edge.send_link_down},
          {"send_too_big", edge.send_too_big},
          {"verdicts_refused", edge.verdicts_refused},
          {"connections", worker.director.connections},
          {"connection_limit", worker.director.connection_limit}};
}

// Only reasons that occurred, each with its sentence.
template <class Reason, std::size_t N>
json reasons_json(const std::array<std::uint64_t, N>& counts) {
  json reasons = json::array();
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] == 0) continue;
    reasons.push_back(reason_json(static_cast<Reason>(i), counts[i]));
  }
  return reasons;
}

json packets_json(const std::vector<WorkerSnapshot>& workers) {
  const Counters sum = total_counters(workers);
  return {{"forwarded", sum.forwarded},
          {"held", sum.held},
          {"originated", sum.originated},
          {"probes", sum.probes},
          {"accepted", reasons_json<AcceptReason>(sum.accepted)},
          {"dropped", reasons_json<DropReason>(sum.dropped)}};
}

json capture_json(const Exposure::View& view, const StartupConfig& startup) {
  return {{"backend", view.backend},
          {"stage", to_string(startup.stage)},
          {"in_place", view.rules_in_place},
          {"restored", view.restored}};
}

json conflicts_json(const Exposure::View& view) {
  json addresses = json::array();
  for (const auto& [claim, packets] : view.thieves) {
    addresses.push_back({{"address", to_string(claim.address)},
                         {"mac", to_string(claim.mac)},
                         {"packets", packets}});
  }
  return {{"packets", view.conflicts}, {"addresses", std::move(addresses)}};
}

json health_json(const HealthView& view) {
  const auto count = [&view](HealthState state) {
    return std::ranges::count(view.destinations, state, &CheckedView::state);
  };
  using enum HealthState;
  return {{"up", count(up)},
          {"down", count(down)},
          {"checking", count(checking)},
          {"quorum_lost", view.quorum_lost},
          {"panic", view.panic}};
}

json latency_json(const std::vector<WorkerSnapshot>& workers) {
  LatencyHistogram sum;
  for (const WorkerSnapshot& worker : workers) sum.add(worker.edge.latency);
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  const auto at_most = [&](double share) {
    const auto bound = sum.quantile(share);
    return bound ? json(seconds(*bound)) : json(nullptr);
  };
  const auto packets = static_cast<double>(sum.total());
  return {{"packets", sum.total()},
          {"mean", packets > 0 ? json(seconds(sum.sum) / packets) : json(nullptr)},
          {"median_at_most", at_most(0.5)},
          {"p99_at_most", at_most(0.99)}};
}

}  // namespace

json status_json(const StatusFacts& facts) {
  json workers = json::array();
  std::uint64_t connections = 0, limit = 0;
  for (std::size_t i = 0; i < facts.workers.size(); ++i) {
    workers.push_back(
        worker_json(facts.workers[i], facts.running.startup.queue + static_cast<unsigned>(i)));
    connections += facts.workers[i].director.connections;
    limit += facts.workers[i].director.connection_limit;
  }
  json addresses = json::array();
  for (const IpAddress& address : facts.exposure.addresses) addresses.push_back(to_string(address));
  return {{"program", LVSD_VERSION},
          {"pid", ::getpid()},
          {"uptime_seconds", facts.uptime.count()},
          {"config", facts.config_file},
          {"services", facts.running.services.size()},
          {"workers", std::move(workers)},
          {"connections", connections},
          {"connection_limit", limit},
          {"health", health_json(facts.health)},
          {"packets", packets_json(facts.workers)},
          {"capture", capture_json(facts.exposure, facts.running.startup)},
          {"announced", std::move(addresses)},
          {"announce_in_place", facts.exposure.addresses_in_place},
          {"conflicts", conflicts_json(facts.exposure)},
          {"retiring", facts.retiring},
          {"overrides", facts.overrides},
          {"latency", latency_json(facts.workers)},
          {"last_reload", facts.last_reload ? to_json(*facts.last_reload) : json(nullptr)}};
}

Counters total_counters(const std::vector<WorkerSnapshot>& workers) {
  Counters sum;
  for (const WorkerSnapshot& worker : workers) {
    const Counters& counters = worker.director.counters;
    for (std::size_t i = 0; i < kAcceptReasons; ++i) sum.accepted[i] += counters.accepted[i];
    for (std::size_t i = 0; i < kDropReasons; ++i) sum.dropped[i] += counters.dropped[i];
    sum.forwarded += counters.forwarded;
    sum.held += counters.held;
    sum.originated += counters.originated;
    sum.probes += counters.probes;
  }
  return sum;
}

std::vector<DirectorSnapshot> directors(const std::vector<WorkerSnapshot>& workers) {
  std::vector<DirectorSnapshot> result;
  result.reserve(workers.size());
  for (const WorkerSnapshot& worker : workers) result.push_back(worker.director);
  return result;
}

std::vector<DirectorSnapshot> directors(std::vector<WorkerSnapshot>&& workers) {
  std::vector<DirectorSnapshot> result;
  result.reserve(workers.size());
  for (WorkerSnapshot& worker : workers) result.push_back(std::move(worker.director));
  workers.clear();
  return result;
}

}  // namespace lvsd
