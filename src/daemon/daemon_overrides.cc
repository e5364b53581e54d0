// SPDX-License-Identifier: GPL-2.0-or-later
// drain, undrain, weight and drift. A change is written down before it takes effect: what runs is
// never more than what a restart would find.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon_state.h"
#include "lvsd/daemon/event.h"
#include "lvsd/daemon/status.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;
using std::chrono::seconds;

struct Found {
  const VirtualService* service;
  const Destination* destination;
  DestinationKey key() const { return {service->key, destination->endpoint}; }
};

std::vector<Found> find(const Config& file, const Request& request) {
  std::vector<Found> found;
  const auto named = parse_named_endpoint(request.override.destination);
  for (const VirtualService& service : file.services) {
    if (request.service && !is_called(service, *request.service)) continue;
    for (const Destination& each : service.destinations) {
      if (named && named->matches(each.endpoint)) found.push_back({&service, &each});
    }
  }
  return found;
}

struct Remaining {
  std::uint32_t open = 0, all = 0;  // open: without those that are closing
};

// Of UDP every connection counts, since none is ever active; a service by mark has both kinds.
Remaining remaining(const std::vector<WorkerSnapshot>& workers, const DestinationKey& key) {
  Remaining sum;
  const bool streams = !key.service.is_by_mark() && key.service.protocol != ServiceProtocol::udp;
  for (const WorkerSnapshot& worker : workers) {
    for (const ServiceSnapshot& service : worker.director.services) {
      if (service.key != key.service) continue;
      for (const DestinationSnapshot& each : service.destinations) {
        if (each.config.endpoint != key.endpoint) continue;
        sum.all += each.active + each.inactive;
        sum.open += streams ? each.active : each.active + each.inactive;
      }
    }
  }
  return sum;
}

std::int64_t unix_time(WallTime time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

void put(Overrides& overrides, const Found& found, const Request& request,
         std::uint32_t connections) {
  const OverrideRequest& asked = request.override;
  const DestinationKey key = found.key();
  if (request.command == Command::weight) {
    const bool given = asked.weight.has_value();
    return overrides.set_weight(key, given ? std::optional(Weight(*asked.weight)) : std::nullopt);
  }
  if (request.command == Command::undrain) return overrides.set_drain(key, std::nullopt);
  const WallTime now = std::chrono::system_clock::now();
  const Override* const known = overrides.find(key);
  const bool again = known != nullptr && known->drain;
  OperatorDrain drain{.keeps_clients = asked.keeps_clients,
                      .at_deadline = asked.on_deadline,
                      .deadline = {},
                      .since = again ? known->drain->since : now,
                      .connections = again ? known->drain->connections : connections};
  if (asked.deadline) drain.deadline = now + seconds(*asked.deadline);
  overrides.set_drain(key, drain);
}

std::string name_of(const Config& config, const ServiceKey& key) {
  const auto found = std::ranges::find(config.services, key, &VirtualService::key);
  return found == config.services.end() ? to_string(key) : found->name;
}

std::string said(const Override* what) {
  if (what == nullptr) return "as the file says";
  std::string text;
  if (what->weight) text = "weight " + std::to_string(what->weight->value());
  if (what->drain) text += text.empty() ? "drained" : ", drained";
  return text;
}

json drain_json(const OperatorDrain& drain, std::uint32_t left) {
  const WallTime now = std::chrono::system_clock::now();
  json out = {{"since", unix_time(drain.since)},
              {"connections_at_start", drain.connections},
              {"clients", drain.keeps_clients ? "keep" : "move"},
              {"on_deadline", to_string(drain.at_deadline)},
              {"ended", drain.ended}};
  if (drain.deadline) out["deadline"] = unix_time(*drain.deadline);
  const auto end = estimated_end(drain.since, drain.connections, now, left);
  if (end) out["estimated_end"] = unix_time(*end);
  return out;
}

json drift_json(const Found& found, const Override& what, const Remaining& left) {
  json out = {{"service", found.service->name},
              {"key", to_string(found.service->key)},
              {"destination", to_string(found.destination->endpoint)},
              {"file_weight", found.destination->weight.value()},
              {"file_state", found.destination->drain ? "drain" : "up"},
              {"open_connections", left.open},
              {"connections", left.all}};
  if (what.weight) out["weight"] = what.weight->value();
  if (what.drain) out["drain"] = drain_json(*what.drain, left.open);
  return out;
}

}  // namespace

json Daemon::State::change_overrides(const Request& request) {
  const std::vector<Found> found = find(file, request);
  const std::string& destination = request.override.destination;
  if (found.empty()) {
    return bad("no service" + (request.service ? " called " + *request.service : std::string()) +
               " has a destination " + destination);
  }
  const auto workers = fleet.snapshot();
  if (!workers) return bad(workers.error().message);
  Overrides next = influences.overrides;
  for (const Found& each : found) {
    if (request.command == Command::undrain && each.destination->drain) {
      return bad("the file says 'state: drain' of " + to_string(each.destination->endpoint) +
                 " in service " + each.service->name + "; change it there");
    }
    put(next, each, request, remaining(*workers, each.key()).open);
  }
  if (const Status saved = overrides_file.save(next); !saved) {
    return bad(saved.error().message + "; nothing was changed");
  }
  influences.overrides = std::move(next);
  health.heed(file, influences.overrides);
  for (const Found& each : found) {
    log({.kind = std::string(to_string(request.command)),
         .service = each.service->name,
         .destination = to_string(each.destination->endpoint),
         .reason = "operator",
         .text = said(influences.overrides.find(each.key()))});
  }
  if (const Status done = reconcile(); !done) {
    return bad(done.error().message + "; the change is written down, and tried again");
  }
  json reply = drift();
  reply["changed"] = found.size();
  return reply;
}

json Daemon::State::drift() {
  const auto workers = fleet.snapshot();
  if (!workers) return bad(workers.error().message);
  json all = json::array();
  for (const VirtualService& service : file.services) {
    for (const Destination& each : service.destinations) {
      const Found found{&service, &each};
      const Override* const what = influences.overrides.find(found.key());
      if (what == nullptr) continue;
      all.push_back(drift_json(found, *what, remaining(*workers, found.key())));
    }
  }
  return good({{"now", unix_time(std::chrono::system_clock::now())}, {"drift", std::move(all)}});
}

// Once a second.
void Daemon::State::end_drains() {
  const std::vector<DestinationKey> ended =
      influences.overrides.end_drains(std::chrono::system_clock::now());
  if (ended.empty()) return;
  for (const DestinationKey& key : ended) {
    const Ending ending = influences.overrides.find(key)->drain->at_deadline;
    log({.kind = "drain-ended",
         .service = name_of(file, key.service),
         .destination = to_string(key.endpoint),
         .reason = std::string(to_string(ending)),
         .text = "the deadline of its drain has passed"});
  }
  if (const Status saved = overrides_file.save(influences.overrides); !saved) {
    spdlog::error("{}", saved.error().message);
  }
  reconcile_and_say();
}

// A reload brought a file in which not all destinations are.
void Daemon::State::forget_overrides(const Config& next) {
  for (const DestinationKey& key : influences.overrides.keep_only(next)) {
    log({.kind = "override-forgotten",
         .service = name_of(file, key.service),
         .destination = to_string(key.endpoint),
         .reason = "removed",
         .text = "removed from the file, and its override with it"});
  }
}

}  // namespace lvsd
