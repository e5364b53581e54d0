// SPDX-License-Identifier: GPL-2.0-or-later
// From the making of a connection to its end (reference 2.4): timers, who controls whom, and what a
// destination is told.
#include <algorithm>

#include "state.h"

namespace lvsd {
namespace {

using std::chrono::milliseconds;

// As with expiries, a batch of packets takes longer.
constexpr std::uint32_t kPlacesPerSweep = 256;
// What a connection gets that is due but may not end yet.
constexpr Duration kExtension = std::chrono::seconds(60);

std::uint32_t to_milliseconds(Duration timeout) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(timeout).count());
}

}  // namespace

std::optional<ConnectionId> Director::State::insert(const Connection& connection,
                                                    std::optional<ConnectionId> controller,
                                                    TimePoint now) {
  const auto made = connections.insert(connection, now);
  if (!made) return std::nullopt;
  if (connection.destination != kNoDestination) {
    if (connection.is_template()) {
      destinations.bind_template(connection.destination);
    } else {
      destinations.bind(connection.destination);
    }
  }
  if (controller) {
    connections[*made].control = static_cast<std::uint32_t>(*controller) + 1;
    ++connections[*controller].controls;
  }
  return made;
}

void Director::State::restart(ConnectionId id, Duration timeout, TimePoint now) {
  connections[id].timeout_ms = to_milliseconds(timeout);
  connections.touch(id, now + timeout);
}

void Director::State::restart(ConnectionId id, TimePoint now) {
  connections.touch(id, now + milliseconds(connections[id].timeout_ms));
}

// The time of a connection is up. One that controls others gets a minute more, for good: a template
// used again later is started with that minute, too (reference 5.4).
void Director::State::on_due(ConnectionId id, Connection& connection, TimePoint now) {
  if (connection.controls > 0) {
    connection.timeout_ms = to_milliseconds(kExtension);
    connection.expires = std::max(connection.expires, now) + kExtension;
    return;
  }
  unbind(id);
}

void Director::State::unbind(ConnectionId id) {
  const Connection& connection = connections[id];
  if (connection.has(Connection::kHasEngineData)) engine_templates.erase(id);
  if (connection.has(Connection::kFtp)) ftp_controls.erase(id);
  if (connection.hairpin != 0) hairpins.erase(connection.hairpin);
  if (connection.control != 0) --connections[ConnectionId{connection.control - 1}].controls;
  if (connection.destination == kNoDestination) return;
  if (connection.is_template()) {
    destinations.unbind_template(connection.destination);
  } else {
    destinations.unbind(connection.destination, connection.has(Connection::kInactive));
  }
}

// Whatever it is, it must not control others any more.
void Director::State::forget(ConnectionId id) {
  LVSD_ASSERT(connections[id].controls == 0);
  unbind(id);
  connections.erase(id);  // a service that was removed goes with the next expire()
}

// expire_nodest_conn: what belongs to a removed destination ends, then the templates that led there
// and whatever else controlled some of it, as long as there is any. So many places of the table at
// a time; what has not had its turn is not found by packets.
void Director::State::sweep_orphans(TimePoint now) {
  while (orphans) {
    const bool controllers = orphans->controllers;
    const auto next = connections.visit_places(
        orphans->place, kPlacesPerSweep, now, [&](ConnectionId id, const Connection& connection) {
          if (!is_orphan(connection) || connection.controls > 0) return;
          if (!controllers && connection.is_template()) return;
          orphans->found = true;
          forget(id);
        });
    if (next) {
      orphans->place = *next;
      return;
    }
    if (controllers && !orphans->found) {
      orphans.reset();
    } else {
      orphans = OrphanSweep{.controllers = true};
    }
  }
}

const Timeouts& Director::State::timeouts_of(const Connection& connection) const {
  if (connection.destination == kNoDestination) return timeouts;
  const Service* const service = destinations.service_of(connection.destination);
  return service != nullptr ? service->timeouts : timeouts;
}

}  // namespace lvsd
