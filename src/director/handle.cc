// SPDX-License-Identifier: GPL-2.0-or-later
// Which connection a packet belongs to, or which destination a new one gets (reference 1.3 to 1.8).
#include "lvsd/model/overloaded.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr Port kFtpData{std::uint16_t{20}};

std::uint8_t protocol_of(const ServiceKey& key) { return static_cast<std::uint8_t>(key.protocol); }

std::optional<ServiceKey> service_key(const Tuple& tuple) {
  for (const ServiceProtocol protocol :
       {ServiceProtocol::tcp, ServiceProtocol::udp, ServiceProtocol::sctp}) {
    if (tuple.protocol != static_cast<std::uint8_t>(protocol)) continue;
    return ServiceKey{protocol, {tuple.destination, tuple.destination_port}};
  }
  return std::nullopt;
}

std::uint32_t method_flag(const ForwardingMethod& method) {
  return std::visit(Overloaded{[](DirectRouting) { return Connection::kDirectRouting; },
                               [](Tunnel) { return Connection::kTunnel; },
                               [](Masquerade) { return Connection::kMasquerade; }},
                    method);
}

// Reference 1.4: the ACK bit is not looked at, SYN+ACK schedules.
bool may_schedule(const PacketView& view) {
  if (view.tuple.source_port == kFtpData) return false;  // reference 1.6 step 2
  if (view.is(IpProtocol::sctp)) return may_schedule_sctp(view);
  if (!view.is(IpProtocol::tcp)) return true;
  return (view.tcp_flags & TcpHeader::kSyn) != 0 && (view.tcp_flags & TcpHeader::kRst) == 0;
}

}  // namespace

Verdict Director::State::handle(PacketBuffer& packet, TimePoint now, Emissions& out) {
  const Result<PacketView, Malformed> parsed = parse_packet(packet.bytes());
  if (!parsed) return drop(drop_reason(parsed.error()));
  const PacketView& view = *parsed;
  packet.truncate(view.total_length);
  const Passage passage{packet, view, now, out};

  if (follows_key_exchange(view.tuple)) return whole(passage);  // needs no ports to be known
  if (view.is_later_fragment()) return later_fragment(passage);
  if (view.more_fragments) return first_fragment(passage, whole(passage));
  return whole(passage);
}

Verdict Director::State::whole(const Passage& passage) {
  const PacketView& view = passage.view;
  if (view.is_icmp_error()) return handle_icmp_error(passage);
  if (!view.has_ports && !follows_key_exchange(view.tuple)) return accept(AcceptReason::not_ours);
  const Tuple tuple = connection_tuple(view.tuple);

  std::optional<ConnectionId> replaced;
  if (const auto id = connections.find_request(tuple, passage.now)) {
    if (!starts_anew(view, connections[*id])) return known_request(passage, *id, false);
    connections[*id].expires =
        passage.now;  // no longer found; its counts go once the new one is placed
    replaced = id;
  } else if (const auto reply = find_reply(tuple, passage.now)) {
    return known_reply(passage, *reply);
  }
  return no_connection(passage, replaced);
}

Verdict Director::State::known_request(const Passage& passage, ConnectionId id, bool fresh) {
  Connection& connection = connections[id];
  count_in(connection, passage.view.total_length);
  advance_state(id, passage.view, Direction::request, passage.now);
  if (connection.has(Connection::kNoClientPort)) {
    connections.set_client_port(id, passage.view.tuple.source_port);
  }
  if (connection.has(Connection::kFtp)) {
    if (const auto refusal = ftp_request(passage, id)) return *refusal;
  }
  return to_server(passage, connection, {connection.destination, Direction::request, fresh, false});
}

Verdict Director::State::known_reply(const Passage& passage, ConnectionId id) {
  const Connection& connection = connections[id];
  if (!connection.is_masquerade()) {
    count_out(connection, passage.view.total_length);
    advance_state(id, passage.view, Direction::reply, passage.now);
    return accept(AcceptReason::reply);
  }
  return connection.has(Connection::kFtp) ? ftp_reply(passage, id) : nat_reply(passage, id);
}

Verdict Director::State::nat_reply(const Passage& passage, ConnectionId id) {
  const Connection& connection = connections[id];
  const Verdict verdict =
      to_client(passage, connection, {connection.destination, Direction::reply, false, false});
  // The kernel forwards replies: what its forwarding refuses (TTL, size) IPVS never sees.
  if (std::holds_alternative<Drop>(verdict)) return verdict;
  count_out(connection, passage.view.total_length);
  advance_state(id, passage.view, Direction::reply, passage.now);
  return verdict;
}

Verdict Director::State::no_connection(const Passage& passage,
                                       std::optional<ConnectionId> replaced) {
  const PacketView& view = passage.view;
  if (lacks_chunk(view)) return drop(DropReason::truncated_transport);
  const auto key = service_key(view.tuple);
  const auto found = key ? services.find(*key) : services.end();
  if (found == services.end() || !may_schedule(view)) {
    if (replaced) forget(*replaced);
    return accept(found == services.end() ? AcceptReason::no_service
                                          : AcceptReason::not_schedulable);
  }

  Service& service = *found->second;
  const Pool pool(service.order, destinations.states());
  const ScheduleKey schedule_key{view.tuple.source, view.tuple.source_port, view.tuple.destination,
                                 passage.now};
  const std::optional<std::size_t> choice = pick(service.scheduler, pool, schedule_key);
  if (replaced) forget(*replaced);
  if (!choice) {
    originate(passage, {.type = icmp::kDestinationUnreachable, .code = icmp::kPortUnreachable},
              view.tuple.destination);
    return drop(DropReason::no_destination);
  }
  const auto id = create(view, service, pool.id(*choice), passage.now);
  if (!id) return drop(DropReason::connection_table_full);
  return known_request(passage, *id, true);
}

// A reply is found from the client's end: NAT by the real server's address, else by the virtual
// one.
std::optional<ConnectionId> Director::State::find_reply(const Tuple& tuple, TimePoint now) const {
  return connections.find_by_client(
      tuple.protocol, tuple.destination, tuple.destination_port, now, [&](const Connection& entry) {
        if (entry.is_masquerade()) {
          return entry.destination_port == tuple.source_port &&
                 destinations[entry.destination].config.endpoint.address == tuple.source;
        }
        return entry.virtual_port == tuple.source_port && entry.virtual_address == tuple.source;
      });
}

std::optional<ConnectionId> Director::State::create(const PacketView& view, Service& service,
                                                    DestinationId id, TimePoint now) {
  const Destination& config = destinations[id].config;
  Connection connection;
  connection.client = view.tuple.source;
  connection.client_port = view.tuple.source_port;
  connection.virtual_address = view.tuple.destination;
  connection.virtual_port = view.tuple.destination_port;
  connection.destination_port = config.endpoint.port;
  connection.protocol = protocol_of(service.key);
  connection.destination = id;
  connection.flags = Connection::kInactive | method_flag(config.method);
  if (!connection.is_masquerade()) connection.flags |= Connection::kNoOutput;
  connection.expires = now + std::chrono::seconds(3);  // until the state machine speaks
  bind_helper(connection, service);
  const auto made = insert(connection, {}, now);
  if (!made) return std::nullopt;
  ++destinations[id].statistics.connections;
  ++service.statistics.connections;
  ++counters.statistics.connections;
  return made;
}

// Reference 2.7 with the kernel's default conn_reuse_mode 1: a new SYN on a finished connection.
bool Director::State::starts_anew(const PacketView& view, const Connection& connection) const {
  if (view.is(IpProtocol::sctp)) return sctp_starts_anew(view, connection);
  if (!view.is(IpProtocol::tcp) || (view.tcp_flags & TcpHeader::kSyn) == 0) return false;
  const auto state = static_cast<TcpState>(connection.state);
  return state == TcpState::time_wait || state == TcpState::close;
}

void Director::State::advance_state(ConnectionId id, const PacketView& view, Direction direction,
                                    TimePoint now) {
  Connection& connection = connections[id];
  if (direction == Direction::reply) connection.flags &= ~Connection::kNoOutput;
  const TableDirection table = direction == Direction::reply           ? TableDirection::output
                               : connection.has(Connection::kNoOutput) ? TableDirection::input_only
                                                                       : TableDirection::input;
  if (view.is(IpProtocol::sctp)) return advance_sctp(id, view, table, now);
  if (!view.is(IpProtocol::tcp)) return connections.touch(id, now + timeouts.udp);
  constexpr bool kSecure = false;
  const TcpState next =
      next_state(static_cast<TcpState>(connection.state), table, view.tcp_flags, kSecure);
  enter_state(id, static_cast<std::uint8_t>(next), counts_as_active(next));
  connections.touch(id, now + timeout_of(next, timeouts));
}

void Director::State::enter_state(ConnectionId id, std::uint8_t state, bool active) {
  Connection& connection = connections[id];
  connection.state = state;
  if (active != connection.has(Connection::kInactive)) return;
  connection.flags ^= Connection::kInactive;
  destinations.set_active(connection.destination, active);
}

void Director::State::count_in(Connection& connection, std::size_t bytes) {
  ++connection.packets_in;
  const auto add = [bytes](Statistics& statistics) {
    ++statistics.packets_in;
    statistics.bytes_in += bytes;
  };
  add(counters.statistics);
  add(destinations[connection.destination].statistics);
  if (Service* service = destinations.extra(connection.destination).service) {
    add(service->statistics);
  }
}

void Director::State::count_out(const Connection& connection, std::size_t bytes) {
  const auto add = [bytes](Statistics& statistics) {
    ++statistics.packets_out;
    statistics.bytes_out += bytes;
  };
  add(counters.statistics);
  add(destinations[connection.destination].statistics);
  if (Service* service = destinations.extra(connection.destination).service) {
    add(service->statistics);
  }
}

}  // namespace lvsd
