// SPDX-License-Identifier: GPL-2.0-or-later
// What handle() would do with a packet, without doing it.
//
// A const path beside the real one would be a second director, which drifts; undoing what handle()
// did would have to know all that it does. So a director is made for this one packet, of copies:
// every plain value (DirectorParts), every service, and of the connections those that the packet
// can meet, in their order. Then handle() itself runs on it, and it is thrown away. `this` being
// const, the compiler vouches for the rest.
//
// The cost is that of copying: of the schedulers' tables only those of services that the packet
// matches, of a million connections a handful, but every destination. It is paid by the worker,
// once for each question: with 10,000 services of 10 destinations some milliseconds.
#include <algorithm>
#include <unordered_map>

#include "lvsd/net/tunnel_packet.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr std::uint32_t kRoom = 16;  // one packet makes no more connections than that

Tuple reversed(const Tuple& tuple) {
  return {tuple.destination, tuple.source, tuple.destination_port, tuple.source_port,
          tuple.protocol};
}

}  // namespace

// The addresses that the packet's connections may have: its own, those of the packet it quotes, and
// of the fragment that came first.
std::vector<Tuple> Director::State::related_tuples(std::span<const std::byte> packet,
                                                   const PacketView& view, TimePoint now) const {
  std::vector<Tuple> tuples;
  if (view.quoted && view.quoted->fragment_offset == 0) {
    const auto inner = parse_inside(packet.first(view.total_length), *view.quoted);
    if (inner && inner->has_ports) tuples.push_back(inner->tuple);
  }
  if (view.quoted) tuples.push_back(connection_tuple(reversed(view.quoted->tuple)));
  if (view.is_later_fragment()) tuples.push_back(fragments.find(datagram_of(view), now).tuple);
  if (!view.is_icmp_error() && !view.is_later_fragment()) {
    tuples.push_back(connection_tuple(view.tuple));
  }
  return tuples;
}

// By the client's end, which is either; and the templates of whoever is that client, which each
// service finds in its own way.
std::vector<ConnectionId> Director::State::related_connections(const std::vector<Tuple>& tuples,
                                                               std::uint32_t mark,
                                                               TimePoint now) const {
  std::vector<ConnectionId> found;
  const auto collect = [&](std::uint8_t protocol, const IpAddress& client, Port port) {
    connections.for_each_of_client(protocol, client, port, now, [&](ConnectionId id) {
      if (std::ranges::find(found, id) == found.end()) found.push_back(id);
    });
  };
  for (const Tuple& tuple : tuples) {
    if (const auto hairpin = hairpins.find(tuple)) found.push_back(*hairpin);
    for (const Tuple& side : {tuple, reversed(tuple)}) {
      collect(side.protocol, side.source, side.source_port);
      collect(side.protocol, side.source, Port());
    }
    const auto add_templates = [&](const Service* service, const Tuple& as_client) {
      if (service == nullptr || !service->persistence) return;
      const Connection like = template_like(as_client, *service);
      collect(like.protocol, like.client, Port());
    };
    add_templates(find_service(tuple, mark), tuple);
    const auto server = destinations.find_nat(tuple.protocol, {tuple.source, tuple.source_port});
    if (server) add_templates(destinations.service_of(*server), reversed(tuple));
  }
  for (std::size_t i = 0; i < found.size(); ++i) {  // and who controls them
    const std::uint32_t control = connections[found[i]].control;
    if (control == 0) continue;
    const ConnectionId controller{control - 1};
    if (std::ranges::find(found, controller) == found.end()) found.push_back(controller);
  }
  return found;
}

Director::State::State(const State& real, const PacketBuffer& packet, const PacketView& view,
                       TimePoint now)
    : DirectorParts(real), connections(1, {}) {
  const auto tuples = real.related_tuples(packet.bytes(), view, now);
  const auto ids = real.related_connections(tuples, packet.mark(), now);
  const std::uint32_t room = std::min(kRoom, real.connections.limit() - real.connections.size());
  connections = ConnectionTable(static_cast<std::uint32_t>(ids.size()) + room, {});
  if (ids.empty() && room == 0) connections.insert({}, now);  // a table has one place at least
  recorder.set_limits({.drops = 0, .bytes = 0, .decisions = 0});
  copy_services(real, tuples, packet.mark());
  copy_connections(real, ids, now);
}

void Director::State::copy_services(const State& real, const std::vector<Tuple>& tuples,
                                    std::uint32_t mark) {
  std::unordered_map<const Service*, Service*> copies;
  const auto copy = [&](const Service& service) {
    auto made = std::make_unique<Service>();
    static_cast<ServiceBasics&>(*made) = service;
    copies.emplace(&service, made.get());
    return made;
  };
  for (const auto& [key, service] : real.services) services.emplace(key, copy(*service));
  for (const auto& service : real.removed) removed.push_back(copy(*service));
  for (const Tuple& tuple : tuples) {
    const Service* const service = real.find_service(tuple, mark);
    if (service != nullptr) copies.at(service)->scheduler = service->scheduler;
  }
  for (std::uint32_t i = 0; i < destinations.states().size(); ++i) {
    destinations.detach(DestinationId{i});
    DestinationExtra& extra = destinations.extra(DestinationId{i});
    if (extra.service != nullptr) extra.service = copies.at(extra.service);
  }
}

// Oldest first, as a look-up meets the newest first.
void Director::State::copy_connections(const State& real, const std::vector<ConnectionId>& ids,
                                       TimePoint now) {
  std::unordered_map<std::uint32_t, ConnectionId> copies;
  EngineTemplates engines({});
  FtpControls controls;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const Connection& entry = real.connections[*id];
    const ConnectionId made = connections.insert(entry, now).value();
    copies.emplace(static_cast<std::uint32_t>(*id), made);
    if (entry.has(Connection::kHasEngineData)) {
      engines.add(made, entry, real.engine_templates.data(*id));
    }
    if (entry.hairpin != 0) hairpins.rename(entry.hairpin, made);
    const auto control = real.ftp_controls.find(*id);
    if (control != real.ftp_controls.end()) controls.emplace(made, control->second);
  }
  for (const auto& [old, made] : copies) {
    Connection& entry = connections[made];
    if (entry.control != 0) {
      entry.control = static_cast<std::uint32_t>(copies.at(entry.control - 1)) + 1;
    }
  }
  engine_templates = std::move(engines);
  ftp_controls = std::move(controls);
}

Verdict Director::explain(PacketBuffer& packet, TimePoint now, Emissions& out,
                          Decision& decision) const {
  decision = {};
  const TimePoint at = std::max(state_->last_now, now);
  const Result<PacketView, Malformed> view = parse_packet(packet.bytes());
  if (!view) {
    decision.mark = packet.mark();
    decision.verdict = Drop{drop_reason(view.error())};
    return decision.verdict;
  }
  Director::State scratch(*state_, packet, *view, at);
  scratch.decision = &decision;
  scratch.note_packet(packet, at);
  decision.verdict = scratch.handle(packet, at, out);
  return decision.verdict;
}

}  // namespace lvsd
