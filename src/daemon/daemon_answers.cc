// SPDX-License-Identifier: GPL-2.0-or-later
// Control requests.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon_state.h"
#include "lvsd/control/connection_list.h"
#include "lvsd/daemon/event.h"
#include "lvsd/daemon/status.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;

bool may(const Peer& peer, Command command) {
  return changes_something(command) || shows_packets(command) ? peer.may_change : peer.may_read;
}

const char* denial(const Peer& peer, Command command) {
  if (!peer.may_read) return "only root and members of the groups lvsd and lvsd-admin may ask";
  return shows_packets(command)
             ? "what is in packets is for root and members of the group lvsd-admin"
             : "changes are for root and members of the group lvsd-admin";
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

void Daemon::State::answer(std::string_view line, const Peer& peer,
                           const ControlSocket::Reply& reply) {
  auto request = parse_request(line);
  if (!request) return reply(error_reply(request.error().message));
  if (!may(peer, request->command)) {
    log({.level = LogLevel::warning,
         .kind = "control-refused",
         .service = {},
         .destination = {},
         .reason = std::string(to_string(request->command)),
         .text = "control: user " + std::to_string(peer.user) + " may not"});
    return reply(error_reply(denial(peer, request->command)));
  }
  if (request->command == Command::plan) return plan(*std::move(request->config), reply);
  if (request->command == Command::list) return list(*request, reply);
  if (request->command == Command::explain) return explain(std::move(*request), peer, reply);
  if (request->command == Command::connections) return reply(connections(request->cursor));
  reply(text_of(answer(*request)));
}

json Daemon::State::answer(const Request& request) {
  switch (request.command) {
    case Command::rules:
      return good({{"rules", exposure.print_rules()}});
    case Command::network:
      return good({{"network", show_network(*network)}});
    case Command::reload:
      return reload_reply(reload(request.discard_overrides));
    case Command::zero:
      return zero(request.service);
    case Command::plan:  // these are answered as text, or later, by other threads' work
    case Command::list:
    case Command::connections:
    case Command::explain:
      break;
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
    case Command::status:
      break;
  }
  return status();
}

json Daemon::State::status() {
  const auto workers = fleet.totals();
  if (!workers) return bad(workers.error().message);
  const auto uptime = std::chrono::steady_clock::now() - started;
  return good(
      {{"status", status_json({.config_file = options.config_file,
                               .uptime = std::chrono::duration_cast<std::chrono::seconds>(uptime),
                               .running = running,
                               .workers = *workers,
                               .exposure = exposure.view(),
                               .retiring = exposure.retiring(running),
                               .overrides = influences.overrides.all().size(),
                               .last_reload = last_reload,
                               .health = health.view()})}});
}

json Daemon::State::zero(const std::optional<std::string>& name) {
  if (!name) {
    fleet.zero({});
    return good(json::object());
  }
  const auto found = find_service(running, *name);
  if (!found) return bad(found.error().message);
  fleet.zero(*found);
  return good(json::object());
}

std::string Daemon::State::connections(const Cursor& cursor) {
  if (cursor.worker >= fleet.size()) {
    return error_reply("there is no worker " + std::to_string(cursor.worker));
  }
  auto page = fleet.connections(cursor.worker, cursor.place, kPlacesPerPage);
  if (!page) return error_reply(page.error().message);
  ListedConnections listed{std::move(page->connections), std::nullopt};
  if (page->next) {
    listed.next = {cursor.worker, *page->next};
  } else if (cursor.worker + 1 < fleet.size()) {
    listed.next = {cursor.worker + 1, 0};
  }
  return connections_reply(listed);
}

}  // namespace lvsd
