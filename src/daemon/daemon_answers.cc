// SPDX-License-Identifier: GPL-2.0-or-later
// Control requests, and the dump that USR1 asks for.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "daemon_state.h"
#include "lvsd/control/connection_list.h"
#include "lvsd/control/listing.h"
#include "lvsd/daemon/metrics.h"
#include "lvsd/daemon/status.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;

bool may(const Peer& peer, Command command) {
  return changes_something(command) ? peer.may_change : peer.may_read;
}

json reload_reply(const ReloadResult& result) {
  json reply =
      result.outcome == ReloadOutcome::applied
          ? good(json::object())
          : bad("reload " + std::string(to_string(result.outcome)) + ": " + result.summary);
  reply["reload"] = to_json(result);
  return reply;
}

}  // namespace

std::string Daemon::State::answer(std::string_view line, const Peer& peer) {
  const auto request = parse_request(line);
  if (!request) return error_reply(request.error().message);
  if (!may(peer, request->command)) {
    spdlog::warn("control: user {} may not {}", peer.user, to_string(request->command));
    return error_reply(peer.may_read
                           ? "changes are for root and members of the group lvsd-admin"
                           : "only root and members of the groups lvsd and lvsd-admin may ask");
  }
  // Names from the file may be any bytes; what is not UTF-8 is replaced rather than thrown at.
  return answer(*request).dump(-1, ' ', false, json::error_handler_t::replace);
}

json Daemon::State::answer(const Request& request) {
  switch (request.command) {
    case Command::rules:
      return good({{"rules", exposure.print_rules()}});
    case Command::network:
      return good({{"network", show_network(*network)}});
    case Command::reload:
      return reload_reply(reload(request.discard_overrides));
    case Command::connections:
      return connections(request.cursor);
    case Command::zero:
      return zero(request.service);
    case Command::plan:
      return plan(*request.config);
    case Command::explain:
      return explain(request);
    case Command::drops:
      return drops();
    case Command::trace:
      return trace(request);
    case Command::drain:
    case Command::undrain:
    case Command::weight:
      return change_overrides(request);
    case Command::drift:
      return drift();
    case Command::health:
      return good(health.report(request.destination.value_or("")));
    case Command::decisions:
      return decisions(request);
    case Command::list:
    case Command::status:
      break;
  }
  const auto workers = fleet.snapshot();
  if (!workers) return bad(workers.error().message);
  if (request.command == Command::list) return good(to_json(listing(*workers)));
  const auto uptime = std::chrono::steady_clock::now() - started;
  return good(
      {{"status", status_json({.config_file = options.config_file,
                               .uptime = std::chrono::duration_cast<std::chrono::seconds>(uptime),
                               .running = running,
                               .workers = *workers,
                               .exposure = exposure.view(),
                               .retiring = exposure.retiring(running),
                               .last_reload = last_reload,
                               .health = health.view()})}});
}

Listing Daemon::State::listing(const std::vector<WorkerSnapshot>& workers) const {
  Listing listing = make_listing(directors(workers), running);
  const HealthView view = health.view();
  for (ListedService& listed : listing.services) {
    for (const DestinationSnapshot& each : listed.service.destinations) {
      const CheckedView* const checked = view.find(listed.service.key, each.config.endpoint);
      if (checked != nullptr) listed.health[each.config.endpoint] = to_string(checked->state);
    }
  }
  return listing;
}

json Daemon::State::zero(const std::optional<std::string>& name) {
  if (!name) {
    fleet.zero({});
    return good(json::object());
  }
  const auto found = std::ranges::find(running.services, *name, &VirtualService::name);
  if (found == running.services.end()) return bad("there is no service called " + *name);
  fleet.zero(found->key);
  return good(json::object());
}

json Daemon::State::connections(const Cursor& cursor) {
  if (cursor.worker >= fleet.size()) {
    return bad("there is no worker " + std::to_string(cursor.worker));
  }
  auto page = fleet.connections(cursor.worker, cursor.place, kPlacesPerPage);
  if (!page) return bad(page.error().message);
  ListedConnections listed{std::move(page->connections), std::nullopt};
  if (page->next) {
    listed.next = {cursor.worker, *page->next};
  } else if (cursor.worker + 1 < fleet.size()) {
    listed.next = {cursor.worker + 1, 0};
  }
  return good(to_json(listed));
}

std::string Daemon::State::metrics_page() {
  const auto workers = fleet.snapshot();
  if (!workers) return {};
  return metrics_text({.workers = *workers,
                       .running = running,
                       .network = *network,
                       .exposure = exposure.view(),
                       .started = started_at,
                       .reloads = reloads,
                       .last_reload = last_reload,
                       .health = health.view()});
}

void Daemon::State::dump() {
  const auto workers = fleet.snapshot();
  if (!workers) return spdlog::error("dump: {}", workers.error().message);
  std::istringstream lines(format_list(listing(*workers), {}));
  for (std::string line; std::getline(lines, line);) spdlog::info("dump: {}", line);
  spdlog::info(
      "dump: {}",
      answer(Request{Command::status}).dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace lvsd
