// SPDX-License-Identifier: GPL-2.0-or-later
// The timer of a connection and its end.
#include "state.h"

namespace lvsd {
namespace {

constexpr Duration kExtension = std::chrono::seconds(60);

}  // namespace

std::optional<ConnectionId> Director::State::insert(const Connection& connection,
                                                    std::optional<ConnectionId> controller,
                                                    TimePoint now) {
  const auto made = connections.insert(connection, now);
  if (!made) return std::nullopt;
  destinations.bind(connection.destination);
  if (controller) {
    connections[*made].control = static_cast<std::uint32_t>(*controller) + 1;
    ++connections[*controller].controls;
  }
  return made;
}

void Director::State::restart(ConnectionId id, Duration timeout, TimePoint now) {
  connections.touch(id, now + timeout);
}

void Director::State::on_due(ConnectionId id, Connection& connection, TimePoint now) {
  if (connection.controls > 0) {
    connection.expires = std::max(connection.expires, now) + kExtension;
    return;
  }
  if (connection.has(Connection::kFtp)) ftp_controls.erase(id);
  unbind(connection);
}

void Director::State::unbind(const Connection& connection) {
  if (connection.control != 0) --connections[ConnectionId{connection.control - 1}].controls;
  destinations.unbind(connection.destination, connection.has(Connection::kInactive));
}

void Director::State::forget(ConnectionId id) {
  const Connection& connection = connections[id];
  LVSD_ASSERT(connection.controls == 0);
  if (connection.has(Connection::kFtp)) ftp_controls.erase(id);
  unbind(connection);
  connections.erase(id);
  if (!removed.empty()) forget_removed_services();
}

}  // namespace lvsd
