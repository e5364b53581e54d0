// SPDX-License-Identifier: GPL-2.0-or-later
// What the steps of a decision write down for those who ask (director/decision.h).
#include <algorithm>

#include "state.h"

namespace lvsd {
namespace {

ServiceMatch match_of(const Service* service, const Tuple& tuple) {
  if (service == nullptr) return ServiceMatch::none;
  const ServiceKey& key = service->key;
  if (key.is_by_mark()) return ServiceMatch::mark;
  if (key.listen.port == tuple.destination_port) return ServiceMatch::exact;
  return key.is_any_port() ? ServiceMatch::any_port : ServiceMatch::ftp_data;
}

}  // namespace

// Before the packet is handled: with the very look-ups that handling begins with.
void Director::State::note_packet(const PacketBuffer& packet, TimePoint now) {
  decision->mark = packet.mark();
  const Result<PacketView, Malformed> view = parse_packet(packet.bytes());
  if (!view) return;
  decision->packet = *view;
  for (const Tuple& tuple : related_tuples(packet.bytes(), *view, now)) {
    auto id = find_request(tuple, now);
    const Direction direction = id ? Direction::request : Direction::reply;
    if (!id) id = find_reply(tuple, now);
    if (!id) continue;
    decision->found = {show(*id, connections[*id], now), direction, view->is_icmp_error()};
    return;
  }
}

void Director::State::note_service(const Passage& passage, const Tuple& tuple,
                                   const Service* service, bool schedulable) {
  ServiceLookup lookup{.asked = tuple, .mark = passage.packet.mark(), .name = {}, .key = {}};
  lookup.match = match_of(service, tuple);
  lookup.schedulable = schedulable;
  if (service != nullptr) {
    lookup.name = service->name;
    lookup.key = service->key;
  } else {
    lookup.others = near_misses(tuple, lookup.mark);
  }
  decision->service = lookup;
}

// Most addresses are no service's: then there is nothing to go through ten thousand for.
std::vector<ServiceKey> Director::State::near_misses(const Tuple& tuple, std::uint32_t mark) const {
  constexpr std::size_t kShown = 5;
  std::vector<ServiceKey> others;
  if (mark == 0 && !virtual_addresses->contains(tuple.destination)) return others;
  for (const auto& [key, other] : (original != nullptr ? *original : *this).services) {
    const bool near = key.is_by_mark() ? mark != 0 : key.listen.address == tuple.destination;
    if (near) others.push_back(key);
    if (others.size() == kShown) break;
  }
  std::ranges::sort(others);
  return others;
}

void Director::State::note_scheduling(const Service& service, std::optional<std::size_t> choice) {
  Scheduling scheduling{service.kind, service.flags, {}, choice};
  for (const DestinationId id : service.order) {
    DestinationState state = destinations[id];
    // As the scheduler sees it, and without what others may change or take away meanwhile.
    state.active = destinations[id].all_active();
    state.inactive = destinations[id].all_inactive();
    state.overloaded = destinations[id].is_overloaded();
    state.shared = nullptr;
    scheduling.candidates.push_back({id, state});
  }
  decision->scheduling = std::move(scheduling);
}

void Director::State::note_way(const Passage& passage, const Connection& connection,
                               const Context& context, const ResolvedRoute& route) {
  WayOut way;
  way.direction = context.direction;
  way.destination = context.destination;
  way.fresh = context.fresh;
  way.bypass = connection.destination == kNoDestination && context.probe == nullptr;
  way.link_mtu = way.path_mtu = route.hop.mtu;
  if (way.bypass) {
    way.server = {passage.view.tuple.destination, passage.view.tuple.destination_port};
  } else {
    const bool probe = context.probe != nullptr;
    const Destination* const config = probe ? nullptr : &destinations[context.destination].config;
    way.server = {probe ? context.probe->address : config->endpoint.address,
                  connection.destination_port};
    way.method = method_of(connection, probe ? context.probe->method : config->method);
    way.oversize = oversize_of(context);
    if (context.direction == Direction::request) {
      way.path_mtu = path_mtu(context.destination, route, passage.now);
      if (const Tunnel* const tunnel = std::get_if<Tunnel>(&way.method)) {
        way.overhead = tunnel_overhead(*tunnel, !way.server.address.is_v4());
      }
    }
  }
  if (connection.hairpin != 0) way.hairpin = hairpins.source(connection.hairpin);
  way.routed = route.usable();
  way.local = route.is_local();
  way.up = route.up;
  way.has_mac = route.has_mac;
  way.interface = route.hop.interface;
  way.next_hop = route.hop.gateway;
  if (way.has_mac) way.neighbor = egress.network().neighbor(way.interface, way.next_hop);
  way.packet_size = passage.view.total_length;
  way.dont_fragment = passage.view.dont_fragment;
  way.aggregated = passage.packet.offload().aggregated;
  way.reassembled = passage.view.v6 && !way.aggregated && was_reassembled(passage);
  decision->way = way;
}

void Director::State::note_probe(const Probes::Path& path, const Endpoint& server, bool answer) {
  decision->probe = ProbeMatch{path.name, path.key, server, answer};
}

void Director::State::note_error(const IcmpError& error, const IpAddress& from, const IpAddress& to,
                                 bool sent) {
  decision->errors.push_back({error.type, error.code, error.mtu, from, to, sent});
}

}  // namespace lvsd
