// SPDX-License-Identifier: GPL-2.0-or-later
#include "egress.h"

#include <algorithm>

#include "lvsd/forward/fragment.h"

namespace lvsd {
namespace {

using std::chrono::seconds;

constexpr std::size_t kNeighborsRemembered = 65536;
constexpr std::size_t kHeldPerNeighbor = 64;  // the kernel's own queue holds about 100
constexpr std::size_t kHeldInAll = 4096, kHeldForClients = 2048;
constexpr Duration kPatience = seconds(3);  // the kernel gives up after three tries, 1 s apart
constexpr Duration kResolveAgain = seconds(1);
// With three unicast probes 1 s apart a silent change of MAC is found within 12 s.
constexpr Duration kRefresh = seconds(8);

}  // namespace

Egress::Egress(std::shared_ptr<const Network> network, std::uint32_t first_fragment_id)
    : network_(std::move(network)), next_fragment_id_(first_fragment_id) {}

void Egress::resolve(ResolvedRoute& entry, const IpAddress& to, const IpAddress& from) {
  entry = ResolvedRoute{};
  entry.to = to;
  entry.from = from;
  entry.known = true;
  const std::optional<NextHop> hop = network_->route(to, from);
  if (!hop) return;
  entry.found = true;
  entry.hop = *hop;
  if (hop->kind == RouteKind::kernel) {
    entry.up = true;
    return;
  }
  const Interface* out = network_->interface(hop->interface);
  if (out == nullptr) return;
  entry.up = out->up;
  if (out->mac) {
    entry.has_mac = true;
    entry.source_mac = *out->mac;
    if (hop->kind == RouteKind::unicast) {
      entry.neighbor = neighbor_use(hop->interface, hop->gateway);
      entry.generation = generation_;
    }
  }
}

Egress::Outcome Egress::send(std::span<const std::byte> packet, const ResolvedRoute& route,
                             std::size_t mtu, Patience patience, TimePoint now, Emissions& out) {
  if (packet.size() <= mtu) {
    const Piece whole{{}, packet};
    if (route.is_ready() && route.generation == generation_ && neighbors_[route.neighbor].mac) {
      emit(whole, route, neighbors_[route.neighbor], now, out);
      return Outcome::emitted;
    }
    return send({&whole, 1}, route, patience, now, out);
  }
  if (!route.usable()) return Outcome::no_route;
  if (!route.up) return Outcome::link_down;
  pieces_.clear();
  cut_to_mtu(packet, mtu, next_fragment_id_++, out, fragments_);
  for (const auto fragment : fragments_) pieces_.push_back({{}, fragment});
  return send(pieces_, route, patience, now, out);
}

std::size_t Egress::Piece::weight() const {
  return unfinished.segment_size == 0 ? 1 : 1 + rest.size() / unfinished.segment_size;
}

Egress::Outcome Egress::send(std::span<const Piece> pieces, const ResolvedRoute& route,
                             Patience patience, TimePoint now, Emissions& out) {
  if (!route.usable()) return Outcome::no_route;
  if (!route.up) return Outcome::link_down;
  if (pieces.empty()) return Outcome::no_route;
  if (!route.has_mac) {
    for (const Piece& piece : pieces) {
      LVSD_ASSERT(piece.unfinished == Unfinished{});
      out.add({.kind = EmissionKind::routed,
               .interface = route.hop.interface,
               .source = {},
               .destination = {},
               .next_hop = route.hop.gateway,
               .packet = piece.rest,
               .head = piece.head});
    }
    return Outcome::emitted;
  }
  const std::uint32_t neighbor = neighbor_of(route);
  if (!neighbors_[neighbor].mac) return hold(pieces, route, neighbor, patience, now, out);
  for (const Piece& piece : pieces) emit(piece, route, neighbors_[neighbor], now, out);
  return Outcome::emitted;
}

void Egress::emit(const Piece& piece, const ResolvedRoute& route, NeighborUse& use, TimePoint now,
                  Emissions& out) {
  out.add({.kind = EmissionKind::frame,
           .interface = route.hop.interface,
           .source = route.source_mac,
           .destination = *use.mac,
           .next_hop = use.address,
           .packet = piece.rest,
           .head = piece.head,
           .unfinished = piece.unfinished});
  if (now < use.next_refresh) return;
  use.next_refresh = now + kRefresh;
  out.add({.kind = EmissionKind::refresh,
           .interface = use.interface,
           .source = {},
           .destination = *use.mac,
           .next_hop = use.address,
           .packet = {}});
}

// All pieces of a packet wait, or none.
Egress::Outcome Egress::hold(std::span<const Piece> pieces, const ResolvedRoute& route,
                             std::uint32_t neighbor, Patience patience, TimePoint now,
                             Emissions& out) {
  NeighborUse& use = neighbors_[neighbor];
  if (now >= use.next_resolve) {
    use.next_resolve = now + kResolveAgain;
    out.add({.kind = EmissionKind::resolve,
             .interface = use.interface,
             .source = {},
             .destination = {},
             .next_hop = use.address,
             .packet = {}});
  }
  const bool client = patience != Patience::server;
  std::size_t weight = 0;
  for (const Piece& piece : pieces) weight += piece.weight();
  // Where nothing waits, any packet may: a super-packet of small segments has more than the limit.
  if ((use.weight > 0 && use.weight + weight > kHeldPerNeighbor) || held_ + weight > kHeldInAll ||
      (client && held_for_clients_ + weight > kHeldForClients)) {
    return Outcome::queue_full;
  }
  if (use.waiting.empty()) waiting_.push_back(neighbor);
  for (const Piece& piece : pieces) {
    std::vector<std::byte> bytes(piece.head.begin(), piece.head.end());
    bytes.insert(bytes.end(), piece.rest.begin(), piece.rest.end());
    use.waiting.push_back({std::move(bytes), route.source_mac, now + kPatience, client,
                           patience != Patience::own && &piece == &pieces.back(), piece.unfinished,
                           piece.weight()});
  }
  use.weight += weight;
  held_ += weight;
  if (client) held_for_clients_ += weight;
  return Outcome::held;
}

Egress::Settled Egress::update(std::shared_ptr<const Network> network, TimePoint now,
                               Emissions& out) {
  network_ = std::move(network);
  cache_.forget();
  for (NeighborUse& use : neighbors_) {
    const std::optional<Mac> before = use.mac;
    use.mac = network_->neighbor(use.interface, use.address);
    if (use.mac && use.mac != before) use.next_refresh = now + kRefresh;
  }
  Settled settled;
  std::erase_if(waiting_, [&](std::uint32_t index) {
    NeighborUse& use = neighbors_[index];
    if (!use.mac) return false;
    for (const HeldPacket& packet : use.waiting) {
      out.add({.kind = EmissionKind::frame,
               .interface = use.interface,
               .source = packet.source,
               .destination = *use.mac,
               .next_hop = use.address,
               .packet = out.copy(packet.bytes),
               .unfinished = packet.unfinished});
      release(use, packet, settled.forwarded);
    }
    use.waiting.clear();
    return true;
  });
  return settled;
}

Egress::Settled Egress::expire(TimePoint now, const Lost& lost) {
  Settled settled;
  std::erase_if(waiting_, [&](std::uint32_t index) {
    NeighborUse& use = neighbors_[index];
    while (!use.waiting.empty() && use.waiting.front().give_up <= now) {
      lost(use.waiting.front().bytes);
      release(use, use.waiting.front(), settled.dropped);
      use.waiting.pop_front();
    }
    return use.waiting.empty();
  });
  return settled;
}

void Egress::release(NeighborUse& use, const HeldPacket& packet, std::uint64_t& counter) {
  use.weight -= packet.weight;
  held_ -= packet.weight;
  if (packet.client) held_for_clients_ -= packet.weight;
  if (packet.counts) ++counter;
}

std::optional<TimePoint> Egress::next_deadline() const {
  std::optional<TimePoint> first;
  for (const std::uint32_t index : waiting_) {
    const TimePoint deadline = neighbors_[index].waiting.front().give_up;
    if (!first || deadline < *first) first = deadline;
  }
  return first;
}

std::uint32_t Egress::neighbor_use(InterfaceIndex interface, const IpAddress& address) {
  const auto found = neighbor_index_->find({interface, address});
  if (found != neighbor_index_->end()) return found->second;
  if (neighbors_.size() >= kNeighborsRemembered) forget_idle_neighbors();
  const auto index = static_cast<std::uint32_t>(neighbors_.size());
  neighbors_.push_back({interface, address, network_->neighbor(interface, address), {}, {}, {}});
  neighbor_index_.edit().emplace(NeighborKey{interface, address}, index);
  return index;
}

// On a link with more neighbours than that, start over but for those that packets wait for.
void Egress::forget_idle_neighbors() {
  std::vector<NeighborUse> kept;
  for (const std::uint32_t index : waiting_) kept.push_back(std::move(neighbors_[index]));
  neighbors_ = std::move(kept);
  neighbor_index_ = {};
  for (std::uint32_t i = 0; i < neighbors_.size(); ++i) {
    waiting_[i] = i;
    neighbor_index_.edit().emplace(NeighborKey{neighbors_[i].interface, neighbors_[i].address}, i);
  }
  ++generation_;
  cache_.forget();
}

}  // namespace lvsd
