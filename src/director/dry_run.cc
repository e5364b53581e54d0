// SPDX-License-Identifier: GPL-2.0-or-later
// What handle() would do with a packet, without doing it.
//
// A const path beside the real one would be a second director, which drifts; undoing what handle()
// did would have to know all that it does. So a director is made for this one packet, of copies:
// every plain value (DirectorParts), and of connections, services and destinations those that the
// packet can meet, in their order. Then handle() itself runs on it, and it is thrown away. `this`
// being const, the compiler vouches for the rest.
//
// The cost is that of copying, and the worker pays it, once for each question. Copies of all
// destinations took 30 ms where there are 100,000; so those that are copied get ids of their own,
// or their arrays would have to be as long.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

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

// Services and destinations by the names that they have in the real director.
struct Director::State::Reach {
  std::vector<const Service*> schedulers;  // of those that the packet may be for
  std::vector<const Service*> services;    // all
  std::vector<DestinationId> destinations;

  void add(const Service* service) {
    if (service != nullptr && known_.insert(service).second) services.push_back(service);
  }
  void add(DestinationId id) {
    if (id != kNoDestination && ids_.insert(id).second) destinations.push_back(id);
  }

 private:
  std::unordered_set<const Service*> known_;
  std::unordered_set<DestinationId> ids_;
};

// The services of the packet's addresses, and of its connections; all of their destinations, those
// of its connections, and of those that have its addresses the one that sent it, or any.
Director::State::Reach Director::State::reach(const std::vector<Tuple>& tuples,
                                              const std::vector<ConnectionId>& ids,
                                              std::uint32_t mark) const {
  Reach reach;
  const auto add = [&](std::optional<DestinationId> id) {
    if (!id || *id == kNoDestination) return;
    reach.add(*id);
    reach.add(destinations.service_of(*id));
  };
  for (const Tuple& tuple : tuples) {
    const Service* const service = find_service(tuple, mark);
    if (service != nullptr) reach.schedulers.push_back(service);
    reach.add(service);
    add(destinations.find_nat(tuple.protocol, {tuple.source, tuple.source_port}));
  }
  for (const Tuple& tuple : tuples) {
    for (const IpAddress& address : {tuple.source, tuple.destination}) {
      add(destinations.first_at(address));
    }
  }
  for (const bool v4 : {true, false}) {  // of a fragment, whatever its addresses
    const auto marked = mark != 0 ? services.find(ServiceKey::by_mark(mark, v4)) : services.end();
    if (marked != services.end()) reach.add(marked->second.get());
  }
  for (const ConnectionId id : ids) add(connections[id].destination);
  for (const Service* const service : reach.services) {
    for (const DestinationId id : service->order) reach.add(id);
  }
  return reach;
}

Director::State::State(const State& real, const PacketBuffer& packet, const PacketView& view,
                       TimePoint now)
    : DirectorParts(real), connections(1, {}), engine_templates({}), original(&real) {
  auto tuples = real.related_tuples(packet.bytes(), view, now);
  const auto ids = real.related_connections(tuples, packet.mark(), now);
  const std::uint32_t room = std::min(kRoom, real.connections.limit() - real.connections.size());
  connections = ConnectionTable(static_cast<std::uint32_t>(ids.size()) + room, {});
  if (ids.empty() && room == 0) connections.insert({}, now);  // a table has one place at least
  recorder.set_limits({.drops = 0, .bytes = 0, .decisions = 0});
  tuples.push_back(view.tuple);  // of a fragment whose first one has not come
  copy_services(real, real.reach(tuples, ids, packet.mark()));
  for (const Tuple& tuple : tuples) {  // an error about a tunnel packet tells of a path
    for (const IpAddress& address : {tuple.source, tuple.destination}) {
      destinations.know_path(real.destinations, address);
    }
  }
  copy_connections(real, ids, now);
}

void Director::State::copy_services(const State& real, const Reach& reach) {
  originals = reach.destinations;
  for (std::uint32_t i = 0; i < originals.size(); ++i) copies[originals[i]] = DestinationId{i};
  const auto rename = [this](DestinationId id) { return copied(id); };
  destinations = Destinations(real.destinations, originals);
  fragments.rename_destinations(rename);
  std::unordered_map<const Service*, Service*> made;
  for (const Service* const service : reach.services) {
    auto copy = std::make_unique<Service>();
    static_cast<ServiceBasics&>(*copy) = *service;
    std::ranges::transform(copy->order, copy->order.begin(), rename);
    copy->retired.clear();  // those that are copied come back below
    made.emplace(service, copy.get());
    const auto found = real.services.find(service->key);
    const bool configured = found != real.services.end() && found->second.get() == service;
    (configured ? services[service->key] : removed.emplace_back()) = std::move(copy);
  }
  for (const Service* const service : reach.schedulers) {
    Scheduler& scheduler = made.at(service)->scheduler;
    scheduler = service->scheduler;
    lvsd::rename_destinations(scheduler, rename);
  }
  for (std::uint32_t i = 0; i < originals.size(); ++i) {
    DestinationExtra& extra = destinations.extra(DestinationId{i});
    if (extra.service == nullptr) continue;
    extra.service = made.at(extra.service);
    if (!destinations[DestinationId{i}].retired) continue;
    extra.retired_at = static_cast<std::uint32_t>(extra.service->retired.size());
    extra.service->retired.push_back(DestinationId{i});
  }
}

// What the packet cannot meet is nobody.
DestinationId Director::State::copied(DestinationId id) const {
  const auto found = copies.find(id);
  return found == copies.end() ? kNoDestination : found->second;
}

// For those who ask the real director about them.
void Director::State::name_as_original(Decision& told) const {
  const auto rename = [this](DestinationId& id) {
    if (id != kNoDestination) id = originals[static_cast<std::uint32_t>(id)];
  };
  if (told.way) rename(told.way->destination);
  if (told.scheduling) {
    for (Candidate& candidate : told.scheduling->candidates) rename(candidate.id);
  }
  if (auto* const forwarded = std::get_if<Forwarded>(&told.verdict)) {
    rename(forwarded->destination);
  } else if (auto* const held = std::get_if<Held>(&told.verdict)) {
    rename(held->destination);
  }
}

// Oldest first, as a look-up meets the newest first.
void Director::State::copy_connections(const State& real, const std::vector<ConnectionId>& ids,
                                       TimePoint now) {
  std::unordered_map<std::uint32_t, ConnectionId> copied_ids;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const Connection& entry = real.connections[*id];
    Connection copy = entry;
    copy.destination = copied(entry.destination);
    const ConnectionId made = connections.insert(copy, now).value();
    copied_ids.emplace(static_cast<std::uint32_t>(*id), made);
    if (entry.has(Connection::kHasEngineData)) {
      engine_templates.add(made, entry, real.engine_templates.data(*id));
    }
    if (entry.hairpin != 0) hairpins.rename(entry.hairpin, made);
    const auto control = real.ftp_controls.find(*id);
    if (control != real.ftp_controls.end()) ftp_controls.emplace(made, control->second);
  }
  for (const auto& [old, made] : copied_ids) {
    Connection& entry = connections[made];
    if (entry.control != 0) {
      entry.control = static_cast<std::uint32_t>(copied_ids.at(entry.control - 1)) + 1;
    }
  }
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
  if (packet.arrival() == kNoInterface) {
    // Nobody said by which link it comes: by the one that leads to where it is from.
    packet.set_arrival(scratch.egress.route(view->tuple.source).hop.interface);
  }
  scratch.decision = &decision;
  scratch.note_packet(packet, at);
  decision.verdict = scratch.handle(packet, at, out);
  scratch.name_as_original(decision);
  return decision.verdict;
}

}  // namespace lvsd
