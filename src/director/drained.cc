// SPDX-License-Identifier: GPL-2.0-or-later
// Connections of a destination that is drained to the end. Nothing happens to them before their
// client's next packet, which alone has the numbers that a reset must have to be believed. So a
// table of a million ends without a pause, and idle clients are told when they come back.
#include "lvsd/forward/reset.h"
#include "state.h"

namespace lvsd {

Verdict Director::State::request_of_ended(const Passage& passage, ConnectionId id) {
  Connection& connection = connections[id];
  const PacketView& view = passage.view;
  const bool stream = view.is(IpProtocol::tcp);
  if (stream && (view.tcp_flags & TcpHeader::kRst) != 0) return known_request(passage, id, false);
  const bool begins_anew =
      stream ? (view.tcp_flags & TcpHeader::kSyn) != 0
             : destinations[connection.destination].config.drain->ending == Ending::move;
  if (stream && !begins_anew) return reset_stream(passage, id);
  if (begins_anew) {
    if (connection.controls > 0) return no_connection(passage, {});  // found behind the new one
    connections.touch(id, passage.now);
    return no_connection(passage, id);
  }
  originate(passage, {.type = icmp::kDestinationUnreachable, .code = icmp::kPortUnreachable},
            view.tuple.destination);
  if (connection.controls == 0) forget(id);
  return drop(DropReason::drained);
}

// The entry stays for as long as after a reset of the client's own, so that what the server still
// sends finds its way, and is answered by a client that knows of nothing.
Verdict Director::State::reset_stream(const Passage& passage, ConnectionId id) {
  count_in(connections[id], passage.view.total_length);
  enter_state(id, static_cast<std::uint8_t>(TcpState::close), counts_as_active(TcpState::close));
  restart(id, timeout_of(TcpState::close, timeouts_of(connections[id])), passage.now);
  reset_client(passage);
  // The head of a datagram in fragments cannot be shortened, its tail would be put behind it.
  const auto handed_over = passage.view.more_fragments ? std::nullopt : reset_server(passage, id);
  return handed_over ? *handed_over : drop(DropReason::drained);
}

// From the virtual address, with the number that the client says it expects.
void Director::State::reset_client(const Passage& passage) {
  const ResolvedRoute route = egress.route(passage.view.tuple.source);
  if (!route.usable() || route.is_local()) return;
  const auto reset = make_reset(passage.out, passage.packet.bytes(), passage.view);
  const auto outcome =
      egress.send(reset, route, route.hop.mtu, Egress::Patience::own, passage.now, passage.out);
  if (outcome == Egress::Outcome::emitted || outcome == Egress::Outcome::held) {
    ++counters.originated;
  }
}

// The client's packet itself goes on as a reset, by the method of the connection. A server on this
// host gets it as what the packet has become: then that is the verdict.
std::optional<Verdict> Director::State::reset_server(const Passage& passage, ConnectionId id) {
  become_reset(passage.packet, passage.view);
  const auto parsed = parse_packet(passage.packet.bytes());
  if (!parsed) return std::nullopt;
  const Passage shorter{passage.packet, *parsed, passage.now, passage.out};
  const Connection& connection = connections[id];
  const Verdict verdict = to_server(
      shorter, connection,
      {.destination = connection.destination, .direction = Direction::request, .own = true});
  if (const Accept* accepted = std::get_if<Accept>(&verdict)) return Accept{accepted->reason, true};
  // One packet has one reason: that it could not go on is not another one.
  if (const Drop* dropped = std::get_if<Drop>(&verdict)) {
    --counters.dropped[static_cast<std::size_t>(dropped->reason)];
  }
  return std::nullopt;
}

}  // namespace lvsd
