// SPDX-License-Identifier: GPL-2.0-or-later
// Fragments: the first is decided like any packet, the others follow it (director/fragments.h).
#include <algorithm>
#include <cstring>
#include <utility>

#include "state.h"

namespace lvsd {
namespace {

FragmentFate fate_of(const FragmentTable::Decision& first) {
  switch (first.fate) {
    case FragmentTable::Fate::undecided:
      return FragmentFate::undecided;
    case FragmentTable::Fate::followed:
      return FragmentFate::followed;
    case FragmentTable::Fate::accepted:
      return FragmentFate::accepted;
    case FragmentTable::Fate::dropped:
      return FragmentFate::dropped;
  }
  return FragmentFate::none;
}

}  // namespace

Verdict Director::State::first_fragment(const Passage& passage, const FragmentExtent& extent,
                                        const Verdict& verdict) {
  using Fate = FragmentTable::Fate;
  FragmentTable::Decision fate{Fate::followed, passage.view.tuple};
  if (const auto* sent = std::get_if<Forwarded>(&verdict)) fate.destination = sent->destination;
  if (const auto* held = std::get_if<Held>(&verdict)) fate.destination = held->destination;
  if (std::holds_alternative<Accept>(verdict)) fate.fate = Fate::accepted;
  if (std::holds_alternative<Drop>(verdict)) fate.fate = Fate::dropped;
  Decision* const asked = std::exchange(decision, nullptr);  // of this packet, not of the others
  const DatagramKey key = datagram_of(passage.view);
  for (const auto& packet : fragments.decide(key, extent, fate, passage.now)) {
    follow_held(packet, fate, passage.now, passage.out);
  }
  decision = asked;
  return verdict;
}

Verdict Director::State::later_fragment(const Passage& passage) {
  using Fate = FragmentTable::Fate;
  if (!is_fragment_of_ours(passage)) {
    if (decision != nullptr) decision->fragment = FragmentFate::foreign;
    return accept(AcceptReason::no_service);
  }
  const DatagramKey key = datagram_of(passage.view);
  const FragmentExtent extent = extent_of(passage.view, passage.packet.bytes());
  const FragmentTable::Decision first = fragments.take(key, extent, passage.now);
  if (decision != nullptr) decision->fragment = fate_of(first);
  switch (first.fate) {
    case Fate::followed:
      return follow(passage, first);
    case Fate::accepted:
      return accept(AcceptReason::no_service);
    case Fate::dropped:
      return drop(DropReason::later_fragment);
    case Fate::undecided:
      break;
  }
  if (!fragments.hold(key, extent, passage.packet.bytes(), passage.now)) {
    return drop(DropReason::fragment_queue_full);
  }
  ++counters.held;
  return Held{kNoDestination, Direction::request, false};
}

// Along the connection that the first fragment belongs to now; the state machine saw that one only.
Verdict Director::State::follow(const Passage& passage, const FragmentTable::Decision& first) {
  if (const auto id = find_request(first.tuple, passage.now)) {
    Connection& connection = connections[*id];
    count_in(connection, passage.view.total_length);
    return to_server(passage, connection,
                     {connection.destination, Direction::request, false, false});
  }
  const auto id = find_reply(first.tuple, passage.now);
  if (!id) return follow_one_packet(passage, first);
  const Connection& connection = connections[*id];
  const std::size_t length = passage.view.total_length;
  if (!connection.is_masquerade()) {
    count_out(connection, length);
    return accept(AcceptReason::reply);
  }
  const Verdict verdict =
      to_client(passage, connection, {connection.destination, Direction::reply, false, false});
  if (!std::holds_alternative<Drop>(verdict)) count_out(connection, length);
  return verdict;
}

// One-packet scheduling leaves no connection, but the datagram is one packet.
Verdict Director::State::follow_one_packet(const Passage& passage,
                                           const FragmentTable::Decision& first) {
  const Service* const service = find_service(first.tuple, passage.packet.mark());
  if (service == nullptr || !is_one_packet(*service, first.tuple) ||
      std::ranges::find(service->order, first.destination) == service->order.end()) {
    return drop(DropReason::later_fragment);
  }
  Connection connection = make_connection(first.tuple, first.destination,
                                          server_port(first.tuple, *service, first.destination));
  count_in(connection, passage.view.total_length);
  return to_server(passage, connection, {first.destination, Direction::request, false, false});
}

// One that came before its first. Its verdict was Held, so what becomes of it is only counted; if
// the first was left to the local stack, the copy cannot be handed over any more.
void Director::State::follow_held(std::span<const std::byte> packet,
                                  const FragmentTable::Decision& first, TimePoint now,
                                  Emissions& out) {
  const std::span<std::byte> storage = out.allocate(kPacketHeadroom + packet.size());
  std::memcpy(storage.data() + kPacketHeadroom, packet.data(), packet.size());
  PacketBuffer copy(storage, kPacketHeadroom, packet.size());
  const Result<PacketView, Malformed> view = parse_packet(copy.bytes());
  LVSD_ASSERT(view.has_value());  // it was parsed when it came
  const Passage passage{copy, *view, now, out};
  if (first.fate == FragmentTable::Fate::followed) {
    const Verdict verdict = follow(passage, first);
    // Waiting for a neighbour now: it was counted as held when it came.
    if (std::holds_alternative<Held>(verdict)) --counters.held;
    record(verdict, packet, now);
  } else {
    record(drop(DropReason::later_fragment), packet, now);
  }
}

// Only of protocols that have ports: a large echo request is the local stack's to reassemble. In
// IPv6 a later fragment may name an extension header instead of the protocol.
bool Director::State::is_fragment_of_ours(const Passage& passage) const {
  const PacketView& view = passage.view;
  const bool v4_ports =
      view.is(IpProtocol::tcp) || view.is(IpProtocol::udp) || view.is(IpProtocol::sctp);
  if (view.v6 ? view.is(IpProtocol::icmpv6) : !v4_ports) return false;
  const std::uint32_t mark = passage.packet.mark();
  if (mark != 0 && services.contains(ServiceKey::by_mark(mark, !view.v6))) return true;
  return virtual_addresses->contains(view.tuple.destination) ||
         destinations.is_nat_address(view.tuple.source);
}

}  // namespace lvsd
