// SPDX-License-Identifier: GPL-2.0-or-later
// A check's packet on its way through the director (probes.h): what it is, and where it goes.
#include "lvsd/forward/rewrite.h"
#include "state.h"

namespace lvsd {

Verdict Director::State::probe(const Passage& passage) {
  const PacketView& view = passage.view;
  const Probes::Path* const path = probes.find(passage.packet.mark());
  if (path == nullptr || !view.has_ports) return drop(DropReason::probe_unplaced);
  const auto found = path->targets.find(view.tuple.destination);
  if (found == path->targets.end()) return drop(DropReason::probe_unplaced);
  const ProbeTarget& target = found->second;
  const Endpoint server{target.address, view.tuple.destination_port};
  if (decision != nullptr) note_probe(*path, server, false);
  if (egress.route(target.address).is_local()) return accept(AcceptReason::probe_local);

  PacketView placed = view;
  placed.tuple.destination = path->key.listen.address;
  const bool tcp = view.is(IpProtocol::tcp);
  const bool over = tcp && (view.tcp_flags & (TcpHeader::kFin | TcpHeader::kRst)) != 0;
  const bool begins = tcp && (view.tcp_flags & TcpHeader::kSyn) != 0;
  const Probes::Flow flow{passage.packet.mark(), target.address, over, begins, passage.now};
  if (!probes.admit(placed.tuple, flow, passage.now)) return drop(DropReason::probe_busy);
  rewrite_destination(passage.packet.bytes(), view,
                      {placed.tuple.destination, view.tuple.destination_port});
  const Tunnel* const tunnel = std::get_if<Tunnel>(&target.method);
  Connection connection = make_connection(placed.tuple, kNoDestination, server.port);
  connection.flags &= ~Connection::kMethodMask;
  connection.flags |= tunnel != nullptr ? Connection::kTunnel : Connection::kDirectRouting;
  return to_address(
      {passage.packet, placed, passage.now, passage.out}, connection, target.address, tunnel,
      {.destination = kNoDestination, .direction = Direction::request, .probe = &target});
}

// The stack would take an answer from its own virtual address for a forgery; the real server's is
// what the socket is connected to.
std::optional<Verdict> Director::State::probe_answer(const Passage& passage) {
  const PacketView& view = passage.view;
  const bool last = !view.is(IpProtocol::tcp) || (view.tcp_flags & TcpHeader::kRst) != 0;
  const auto flow = probes.find_answered(view.tuple, last, passage.now);
  if (!flow) return std::nullopt;
  const Endpoint server{flow->server, view.tuple.source_port};
  if (const Probes::Path* const path = probes.find(flow->mark); decision != nullptr && path) {
    note_probe(*path, server, true);
  }
  finish(passage);
  rewrite_source(passage.packet.bytes(), view, server);
  return accept(AcceptReason::probe_answer, true);
}

}  // namespace lvsd
