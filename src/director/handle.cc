// SPDX-License-Identifier: GPL-2.0-or-later
// Which connection a packet belongs to, or which destination a new one gets (reference 1.3 to 1.8).
#include "lvsd/forward/ip_options.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

// A packet that may begin a connection anew although one with its addresses is there (1.3).
bool begins(const PacketView& view) {
  if (view.is(IpProtocol::sctp)) return view.sctp_chunk == sctp::kInit;
  return view.is(IpProtocol::tcp) && (view.tcp_flags & TcpHeader::kSyn) != 0;
}

}  // namespace

Verdict Director::State::handle(PacketBuffer& packet, TimePoint now, Emissions& out) {
  if (packet.options_done() && has_options(packet.bytes())) renew_header_checksum(packet.bytes());
  PacketView view;
  if (const auto malformed = parse_packet(packet.bytes(), view)) {
    return drop(drop_reason(*malformed));
  }
  packet.truncate(view.total_length);
  if (!view.is(IpProtocol::tcp) || !view.has_ports || view.more_fragments) packet.set_offload({});
  const Passage passage{packet, view, now, out};

  if (follows_key_exchange(view.tuple)) return whole(passage);  // needs no ports to be known
  if (view.is_later_fragment()) return later_fragment(passage);
  if (view.more_fragments) {
    const FragmentExtent extent = extent_of(view, packet.bytes());  // before it is changed
    return first_fragment(passage, extent, whole(passage));
  }
  return whole(passage);
}

Verdict Director::State::whole(const Passage& passage) {
  const PacketView& view = passage.view;
  if (has_ip_options(view)) {
    if (const auto refusal = refuse_options(passage)) return *refusal;
  }
  if (view.is_icmp_error()) return handle_icmp_error(passage);
  if (probes.is_mark(passage.packet.mark())) return probe(passage);
  if (!view.has_ports && !follows_key_exchange(view.tuple)) return accept(AcceptReason::not_ours);
  const Tuple tuple = connection_tuple(view.tuple);

  if (const auto id = connections.find_request(tuple, passage.now)) {
    return request_of(passage, *id);
  }
  if (const auto reply = find_reply(tuple, passage.now)) return known_reply(passage, *reply);
  return no_connection(passage, {});
}

// As if there were no such connection.
Verdict Director::State::request_of_orphan(const Passage& passage) {
  const auto reply = find_reply(connection_tuple(passage.view.tuple), passage.now);
  return reply ? known_reply(passage, *reply) : no_connection(passage, {});
}

// A packet that belongs to a connection, unless it begins a new one, or the destination is gone.
Verdict Director::State::request_of(const Passage& passage, ConnectionId id) {
  Connection& connection = connections[id];
  if (connection.destination != kNoDestination && destinations[connection.destination].ended) {
    return is_orphan(connection) ? request_of_orphan(passage) : request_of_ended(passage, id);
  }
  const bool removed_destination =
      connection.destination != kNoDestination && destinations[connection.destination].retired;
  if (removed_destination && orphans) [[unlikely]]
    return request_of_orphan(passage);
  const bool anew = begins(passage.view) && starts_anew(connection);
  if (!anew && !removed_destination) return known_request(passage, id, false);
  if (decision != nullptr) {
    decision->superseded = anew ? Superseded::begins_anew : Superseded::destination_removed;
  }
  if (!anew) {  // reference 1.3; where the option is not set, connections go on
    if (!ipvs.expire_nodest_conn) {
      if (decision != nullptr) decision->superseded.reset();
      return known_request(passage, id, false);
    }
    if (!*ipvs.expire_nodest_conn) return drop(DropReason::destination_removed);
  }
  if (connection.controls > 0) return no_connection(passage, {});  // found behind the new one
  connections.touch(id, passage.now);  // not found; its counts go once the new one is placed
  return no_connection(passage, id);
}

Verdict Director::State::known_request(const Passage& passage, ConnectionId id, bool fresh) {
  Connection& connection = connections[id];
  count_in(connection, passage.view.total_length);
  advance_state(id, passage.view, Direction::request, passage.now);
  if (connection.has(Connection::kNoClientPort)) {
    connections.set_client_port(id, passage.view.tuple.source_port);
  }
  learn_segment(connection, passage, Direction::request);
  if (connection.has(Connection::kFtp)) {
    finish(passage);
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
  if (!connection.has(Connection::kFtp)) return nat_reply(passage, id);
  finish(passage);
  return ftp_reply(passage, id);
}

Verdict Director::State::nat_reply(const Passage& passage, ConnectionId id) {
  Connection& connection = connections[id];
  learn_segment(connection, passage, Direction::reply);
  const Verdict verdict =
      to_client(passage, connection, {connection.destination, Direction::reply, false, false});
  // The kernel forwards replies: what its forwarding refuses (TTL, size) IPVS never sees.
  if (std::holds_alternative<Drop>(verdict)) return verdict;
  count_out(connection, passage.view.total_length);
  advance_state(id, passage.view, Direction::reply, passage.now);
  return verdict;
}

// A reply is found from the client's end: NAT by the real server's address, else by the virtual
// one.
std::optional<ConnectionId> Director::State::find_reply(const Tuple& tuple, TimePoint now) const {
  if (!hairpins.empty()) {
    const auto id = hairpins.find(tuple);
    if (id && connections[*id].is_alive(now) && !is_orphan(connections[*id])) return id;
  }
  return connections.find_by_client(
      tuple.protocol, tuple.destination, tuple.destination_port, now, [&](const Connection& entry) {
        if (entry.is_template() || is_orphan(entry)) return false;
        if (entry.is_masquerade()) {
          return entry.destination_port == tuple.source_port &&
                 destinations[entry.destination].config.endpoint.address == tuple.source;
        }
        return entry.virtual_port == tuple.source_port && entry.virtual_address == tuple.source;
      });
}

// Reference 2.7.
bool Director::State::starts_anew(const Connection& connection) const {
  if (ipvs.expire_nodest_conn.value_or(false) && connection.destination != kNoDestination &&
      destinations[connection.destination].config.weight.value() == 0) {
    return true;
  }
  constexpr unsigned kAlsoFinWait = 2;
  if (ipvs.conn_reuse_mode == 0 || connection.control != 0) return false;
  if (connection.protocol == static_cast<std::uint8_t>(IpProtocol::sctp)) {
    return sctp_is_closed(connection);
  }
  const auto state = static_cast<TcpState>(connection.state);
  if (state == TcpState::time_wait || state == TcpState::close) return true;
  return (ipvs.conn_reuse_mode & kAlsoFinWait) != 0 && state == TcpState::fin_wait &&
         connection.has(Connection::kNoOutput);
}

void Director::State::advance_state(ConnectionId id, const PacketView& view, Direction direction,
                                    TimePoint now) {
  Connection& connection = connections[id];
  if (direction == Direction::reply) connection.flags &= ~Connection::kNoOutput;
  const TableDirection table = direction == Direction::reply           ? TableDirection::output
                               : connection.has(Connection::kNoOutput) ? TableDirection::input_only
                                                                       : TableDirection::input;
  if (view.is(IpProtocol::sctp)) return advance_sctp(id, view, table, now);
  if (!view.is(IpProtocol::tcp)) {
    if (direction == Direction::reply) assure_controller(connection);
    return restart(id, timeouts_of(connection).udp, now);
  }
  const TcpState next = next_state(static_cast<TcpState>(connection.state), table, view.tcp_flags,
                                   defence.secure_tcp());
  if (next == TcpState::established) assure_controller(connection);
  enter_state(id, static_cast<std::uint8_t>(next), counts_as_active(next));
  restart(id, timeout_of(next, timeouts_of(connection)), now);
}

// A template with a connection that works is worth more in need (reference 2.8).
void Director::State::assure_controller(const Connection& connection) {
  if (connection.control == 0) return;
  Connection& controller = connections[ConnectionId{connection.control - 1}];
  if (controller.is_template()) controller.state = Connection::kAssured;
}

void Director::State::enter_state(ConnectionId id, std::uint8_t state, bool active) {
  Connection& connection = connections[id];
  connection.state = state;
  if (active != connection.has(Connection::kInactive)) return;
  if (connection.destination == kNoDestination) return;
  connection.flags ^= Connection::kInactive;
  destinations.set_active(connection.destination, active);
}

// As in the kernel, nothing is counted of a destination that is gone (reference 8.1), unless its
// connections go on by our own default.
bool Director::State::counts(const Connection& connection) const {
  if (connection.destination == kNoDestination) return false;
  return !ipvs.expire_nodest_conn || !destinations[connection.destination].retired;
}

void Director::State::count_in(Connection& connection, std::size_t bytes) {
  ++connection.packets_in;
  if (!counts(connection)) return;
  const auto add = [bytes](Statistics& statistics) {
    ++statistics.packets_in;
    statistics.bytes_in += bytes;
  };
  add(counters.statistics);
  add(destinations.counted(connection.destination));
  if (Service* service = destinations.extra(connection.destination).service) {
    add(service->statistics);
  }
}

void Director::State::count_out(const Connection& connection, std::size_t bytes) {
  if (!counts(connection)) return;
  const auto add = [bytes](Statistics& statistics) {
    ++statistics.packets_out;
    statistics.bytes_out += bytes;
  };
  add(counters.statistics);
  add(destinations.counted(connection.destination));
  if (Service* service = destinations.extra(connection.destination).service) {
    add(service->statistics);
  }
}

}  // namespace lvsd
