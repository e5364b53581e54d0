// SPDX-License-Identifier: GPL-2.0-or-later
// A packet of no known connection: whether a service takes it, and which destination (reference 1.4
// to 1.8, 1.13, 1.15).
#include <utility>

#include "lvsd/forward/rewrite.h"
#include "lvsd/model/overloaded.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr std::uint16_t kFirstUnprivileged = 1024;           // net.ipv4.ip_unprivileged_port_start
constexpr Duration kFirstTimeout = std::chrono::seconds(3);  // until the state machine speaks

std::optional<ServiceProtocol> protocol_of(const Tuple& tuple) {
  for (const ServiceProtocol protocol :
       {ServiceProtocol::tcp, ServiceProtocol::udp, ServiceProtocol::sctp}) {
    if (tuple.protocol == static_cast<std::uint8_t>(protocol)) return protocol;
  }
  return std::nullopt;
}

std::uint32_t method_flag(const ForwardingMethod& method) {
  return std::visit(Overloaded{[](const DirectRouting&) { return Connection::kDirectRouting; },
                               [](const Tunnel&) { return Connection::kTunnel; },
                               [](const Masquerade&) { return Connection::kMasquerade; }},
                    method);
}

bool may_be_ftp_data(Port port) { return port == kFtpData || port.host() >= kFirstUnprivileged; }

}  // namespace

Verdict Director::State::no_connection(const Passage& passage,
                                       std::optional<ConnectionId> replaced) {
  const PacketView& view = passage.view;
  if (lacks_chunk(view)) return drop(DropReason::truncated_transport);
  if (!probes.no_flows()) {
    if (const auto verdict = probe_answer(passage)) return *verdict;
  }
  if (const auto verdict = stray(passage)) return *verdict;
  Service* const service = find_service(view.tuple, passage.packet.mark());
  const bool schedulable = may_schedule(view);
  if (decision != nullptr) note_service(passage, view.tuple, service, schedulable);
  if (service == nullptr || !schedulable) {
    if (replaced) forget(*replaced);
    return accept(service == nullptr ? AcceptReason::no_service : AcceptReason::not_schedulable);
  }
  const auto id = open(passage, view.tuple, *service, replaced);
  return id ? known_request(passage, *id, true) : id.error();
}

// Reference 1.5.
Service* Director::State::find_service(const Tuple& tuple, std::uint32_t mark) const {
  const auto protocol = protocol_of(tuple);
  if (!protocol) return nullptr;
  const auto look_up = [this](const ServiceKey& key) -> Service* {
    const auto found = services.find(key);
    return found == services.end() ? nullptr : found->second.get();
  };
  if (mark != 0) {
    Service* const service = look_up(ServiceKey::by_mark(mark, tuple.destination.is_v4()));
    if (service != nullptr) return service;
  }
  Service* service = look_up({*protocol, {tuple.destination, tuple.destination_port}});
  if (service == nullptr && ftp_services > 0 && *protocol == ServiceProtocol::tcp &&
      may_be_ftp_data(tuple.destination_port)) {
    service = look_up({*protocol, {tuple.destination, kFtp}});
  }
  if (service == nullptr && any_port_services > 0) {
    service = look_up({*protocol, {tuple.destination, Port()}});
  }
  return service;
}

// Reference 1.4: the ACK bit is not looked at, SYN+ACK schedules.
bool Director::State::may_schedule(const PacketView& view) const {
  if (view.tuple.source_port == kFtpData) return false;  // reference 1.6 step 2
  if (view.is(IpProtocol::sctp)) return may_schedule_sctp(view, ipvs.sloppy_sctp);
  if (!view.is(IpProtocol::tcp)) return true;
  if ((view.tcp_flags & TcpHeader::kRst) != 0) return false;
  return ipvs.sloppy_tcp || (view.tcp_flags & TcpHeader::kSyn) != 0;
}

// Reference 1.6: a connection for a packet with these addresses, which an ICMP error only quotes.
// No connection: what becomes of the packet. `replaced` counts as one until the new one is there,
// as in the kernel, where its timer ends it.
Result<ConnectionId, Verdict> Director::State::open(const Passage& passage, const Tuple& tuple,
                                                    Service& service,
                                                    std::optional<ConnectionId> replaced) {
  const auto end_replaced = [&] {
    if (replaced) forget(*std::exchange(replaced, std::nullopt));
  };
  const auto refuse = [](Verdict verdict) { return Unexpected<Verdict>{verdict}; };
  std::optional<Placement> placed;
  std::optional<Verdict> refusal;
  if (defence.takes_packet()) {
    refusal = drop(DropReason::drop_packet);
  } else if (service.persistence) {
    const auto result = place(passage, tuple, service);
    if (result) {
      placed = *result;
    } else {
      refusal = result.error();
    }
  } else if (service.key.listen.port != kFtp || tuple.destination_port == kFtp) {
    if (const auto choice = choose(service, tuple, passage.now)) placed = Placement{*choice, {}};
  }
  if (refusal || !placed) end_replaced();
  if (refusal) return refuse(*refusal);
  if (!placed) return refuse(leave(passage, service));

  Connection connection =
      make_connection(tuple, placed->destination, server_port(tuple, service, placed->destination));
  record_decision(service, tuple, placed->destination, passage.now);
  if (is_one_packet(service, tuple)) {
    end_replaced();
    count_connection(&service, placed->destination);
    if (placed->memory) ++connections[*placed->memory].packets_in;
    return refuse(one_packet(passage, connection));
  }
  connection.expires = passage.now + kFirstTimeout;
  bind_helper(connection, service);
  auto id = insert(connection, placed->memory, passage.now);
  if (!id && replaced) {  // the table is full with it
    end_replaced();
    id = insert(connection, placed->memory, passage.now);
  }
  end_replaced();
  if (!id) return refuse(drop(DropReason::connection_table_full));
  if (needs_hairpin(connection, service) && !hide_client(*id, *service.hairpin)) {
    forget(*id);
    return refuse(drop(DropReason::no_hairpin_port));
  }
  count_connection(&service, placed->destination);
  return *id;
}

std::optional<DestinationId> Director::State::choose(Service& service, const Tuple& tuple,
                                                     TimePoint now) {
  const Pool pool(service.order, destinations.states());
  const ScheduleKey key{tuple.source, tuple.source_port, tuple.destination, now};
  const std::optional<std::size_t> choice = pick(service.scheduler, pool, key);
  if (decision != nullptr) note_scheduling(service, choice);
  if (!choice) return std::nullopt;
  return pool.id(*choice);
}

// A persistent service by mark, or for any port, keeps the packet's port (reference 5.3 step 5).
Port Director::State::server_port(const Tuple& tuple, const Service& service,
                                  DestinationId id) const {
  const Port own = destinations[id].config.endpoint.port;
  const bool keeps =
      own == Port() || (service.persistence && tuple.destination_port != service.key.listen.port);
  return keeps ? tuple.destination_port : own;
}

bool Director::State::is_one_packet(const Service& service, const Tuple& tuple) {
  return service.one_packet && tuple.protocol == static_cast<std::uint8_t>(IpProtocol::udp);
}

// A service without a destination for the packet (reference 1.7).
Verdict Director::State::leave(const Passage& passage, const Service& service) {
  const PacketView& view = passage.view;
  if (ipvs.cache_bypass && service.key.is_by_mark() && !view.is_icmp_error() &&
      !egress.network().is_local(view.tuple.destination) &&
      !view.tuple.destination.is_multicast()) {
    Connection connection = make_connection(view.tuple, kNoDestination, Port());
    connection.expires = passage.now + kFirstTimeout;
    const auto id = insert(connection, {}, passage.now);
    if (!id) return drop(DropReason::connection_table_full);
    return known_request(passage, *id, true);
  }
  if (view.is_icmp_error()) return drop(DropReason::no_destination);
  if (service.key.listen.port == kFtp && view.tuple.destination_port != kFtp) {
    return accept(AcceptReason::no_service);  // other ports are not an FTP service's business
  }
  // In the name of a foreign address, which a mark may bring here, the kernel says nothing.
  if (!service.key.is_by_mark() || egress.network().is_local(view.tuple.destination)) {
    originate(passage, {.type = icmp::kDestinationUnreachable, .code = icmp::kPortUnreachable},
              view.tuple.destination);
  }
  return drop(DropReason::no_destination);
}

// A real server that asks would be answered past the director, by another one or by itself. A
// server on this host answers through its own stack, which leads here.
bool Director::State::needs_hairpin(const Connection& connection, const Service& service) {
  return service.hairpin && connection.is_masquerade() &&
         destinations.is_nat_address(connection.client) &&
         !egress.network().is_local(connection.client) &&
         !egress.route(destinations[connection.destination].config.endpoint.address).is_local();
}

bool Director::State::hide_client(ConnectionId id, const IpAddress& own) {
  Connection& connection = connections[id];
  const Endpoint server{destinations[connection.destination].config.endpoint.address,
                        connection.destination_port};
  const auto place = hairpins.add(id, connection.protocol, server, own);
  if (place) connection.hairpin = *place;
  return place.has_value();
}

// Never in the table: a reply finds nothing (reference 1.13).
Verdict Director::State::one_packet(const Passage& passage, Connection connection) {
  connection.flags |= Connection::kOnePacket;
  destinations.bind(connection.destination);
  const auto send = [&] {
    if (passage.view.is_icmp_error()) return icmp_to_server(passage, connection);
    count_in(connection, passage.view.total_length);
    return to_server(passage, connection,
                     {connection.destination, Direction::request, true, false});
  };
  const Verdict verdict = send();
  destinations.unbind(connection.destination, true);
  return verdict;
}

// What a NAT server sends outside any connection (reference 1.8).
std::optional<Verdict> Director::State::stray(const Passage& passage) {
  const PacketView& view = passage.view;
  if (!ipvs.nat_icmp_send && sip_services == 0) return std::nullopt;
  if (!destinations.is_nat_address(view.tuple.source)) return std::nullopt;
  const bool to_us = egress.network().is_local(view.tuple.destination);
  if (!to_us) {
    if (const auto verdict = originated_by_server(passage)) return verdict;
  }
  if (!ipvs.nat_icmp_send) return std::nullopt;
  if (view.is(IpProtocol::tcp) && (view.tcp_flags & TcpHeader::kRst) != 0) return std::nullopt;
  if (view.is(IpProtocol::sctp) && view.sctp_chunk == sctp::kAbort) return std::nullopt;
  if (!destinations.find_nat(view.tuple.protocol, {view.tuple.source, view.tuple.source_port})) {
    return std::nullopt;
  }
  const IpAddress own = to_us ? view.tuple.destination : egress.route(view.tuple.source).hop.source;
  if (!to_us) {  // the kernel is forwarding it by then, and quotes it so
    if (view.ttl <= 1) return std::nullopt;
    decrement_ttl(passage.packet.bytes(), passage.view);
  }
  originate(passage, {.type = icmp::kDestinationUnreachable, .code = icmp::kPortUnreachable}, own);
  return drop(DropReason::stray_reply);
}

Connection Director::State::make_connection(const Tuple& tuple, DestinationId id,
                                            Port destination_port) const {
  Connection connection;
  connection.client = tuple.source;
  connection.client_port = tuple.source_port;
  connection.virtual_address = tuple.destination;
  connection.virtual_port = tuple.destination_port;
  connection.destination_port = destination_port;
  connection.protocol = tuple.protocol;
  connection.destination = id;
  connection.flags = Connection::kInactive;
  connection.flags |=
      id == kNoDestination ? Connection::kBypass : method_flag(destinations[id].config.method);
  if (!connection.is_masquerade()) connection.flags |= Connection::kNoOutput;
  return connection;
}

void Director::State::count_connection(Service* service, DestinationId id) {
  ++destinations.counted(id).connections;
  if (service != nullptr) ++service->statistics.connections;
  ++counters.statistics.connections;
}

}  // namespace lvsd
