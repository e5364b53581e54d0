// SPDX-License-Identifier: GPL-2.0-or-later
// Connections as people see them, copied out a part of the table at a time.
#include "lvsd/director/sctp_state.h"
#include "state.h"

namespace lvsd {
namespace {

// IPVS's words (reference 8.3): UDP has one state only.
std::string state_name(const Connection& connection) {
  if (connection.is_template()) {
    return connection.state == Connection::kAssured ? "ASSURED" : "NONE";
  }
  switch (static_cast<IpProtocol>(connection.protocol)) {
    case IpProtocol::tcp:
      return std::string(to_string(static_cast<TcpState>(connection.state)));
    case IpProtocol::sctp:
      return std::string(to_string(static_cast<SctpState>(connection.state)));
    case IpProtocol::udp:
      return "UDP";
    default:
      return "NONE";
  }
}

}  // namespace

ConnectionPage Director::State::page(std::uint32_t first, std::uint32_t places,
                                     TimePoint now) const {
  ConnectionPage page;
  page.next = connections.visit_places(first, places, now,
                                       [&](ConnectionId id, const Connection& connection) {
                                         page.connections.push_back(show(id, connection, now));
                                       });
  return page;
}

ConnectionSnapshot Director::State::show(ConnectionId id, const Connection& connection,
                                         TimePoint now) const {
  ConnectionSnapshot shown;
  shown.protocol = connection.protocol;
  shown.state = state_name(connection);
  shown.client = {connection.client, connection.client_port};
  shown.virtual_end = {connection.virtual_address, connection.virtual_port};
  // A bypass has no destination: 0.0.0.0:0, or ::, port 0.
  const IpAddress none = connection.client.is_v4() ? IpAddress(0, 0, 0, 0) : IpAddress();
  const bool bypass = connection.destination == kNoDestination;
  shown.destination = {bypass ? none : destinations[connection.destination].config.endpoint.address,
                       connection.destination_port};
  shown.expires = std::chrono::duration_cast<std::chrono::seconds>(
      std::max(Duration::zero(), connection.expires - now));
  shown.is_template = connection.is_template();
  if (connection.has(Connection::kHasEngineData)) {
    shown.engine_data = engine_templates.data(id);
    shown.engine = "sip";
  }
  return shown;
}

}  // namespace lvsd
