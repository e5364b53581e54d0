// SPDX-License-Identifier: GPL-2.0-or-later
// From an IP packet to emissions: route, next hop, MAC, pieces that fit the MTU. What the network
// says is cached per address and forgotten when the network changes.
//
// A next hop that has not answered ARP yet gets a short, bounded queue of its own, so that one dead
// real server costs nobody else a packet. The kernel does the ARP: `resolve` asks it to, `refresh`
// has it check a neighbour that is in use (packet sockets do not; design section 4, "Emission").
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "copy_on_write.h"
#include "lvsd/model/emission.h"
#include "lvsd/model/network.h"
#include "lvsd/model/time.h"
#include "lvsd/model/verdict.h"

namespace lvsd {

struct ResolvedRoute {
  IpAddress to, from;
  bool known = false;  // this cache entry holds an answer
  bool found = false;
  NextHop hop;
  bool up = false;
  bool has_mac = false;
  Mac source_mac;
  std::uint32_t neighbor = 0;    // index of the NeighborUse,
  std::uint32_t generation = 0;  // while this is Egress's own

  bool usable() const { return found && hop.kind != RouteKind::unreachable; }
  // To a neighbour on a link with MAC addresses that is up.
  bool is_ready() const { return usable() && up && has_mac && hop.kind == RouteKind::unicast; }
  bool is_local() const { return found && hop.kind == RouteKind::local; }
};

// Direct-mapped: a collision costs a look-up, nothing else. So does a copy, which has another size
// and nothing in it: a dry run needs a handful, and half a megabyte would be most of what it costs.
class RouteCache {
 public:
  RouteCache() : RouteCache(4096) {}
  RouteCache(const RouteCache&) : RouteCache(16) {}
  RouteCache& operator=(const RouteCache&) = delete;
  ResolvedRoute& operator[](std::size_t hash) { return entries_[hash & mask_]; }
  void forget() {
    for (ResolvedRoute& entry : entries_) entry.known = false;
  }

 private:
  explicit RouteCache(std::size_t size) : entries_(size), mask_(size - 1) {}
  std::vector<ResolvedRoute> entries_;  // a power of two of them
  std::size_t mask_;
};

class Egress {
 public:
  Egress(std::shared_ptr<const Network> network, std::uint32_t first_fragment_id);

  const Network& network() const { return *network_; }
  // Valid until the next call.
  const ResolvedRoute& route(const IpAddress& to) {
    ResolvedRoute& entry = cache_[IpAddressHash{}(to)];
    if (!entry.known || entry.to != to || entry.from != IpAddress()) resolve(entry, to, {});
    return entry;
  }
  const ResolvedRoute& route(const IpAddress& to, const IpAddress& from) {
    ResolvedRoute& entry = cache_[IpAddressHash{}(to) ^ IpAddressHash{}(from)*31];
    if (!entry.known || entry.to != to || entry.from != from) resolve(entry, to, from);
    return entry;
  }

  // Whose packet may have to wait for its next hop. Clients and what they provoke cannot take up
  // the room that real servers need: anybody can send from addresses where nobody is. Our own
  // messages wait like those to clients, and are in nobody's books.
  enum class Patience : std::uint8_t { own, client, server };
  enum class Outcome : std::uint8_t { emitted, held, queue_full, link_down, no_route };
  // Emits `packet` (which must stay in place until the emissions are sent), cut to `mtu` where it
  // is larger.
  Outcome send(std::span<const std::byte> packet, const ResolvedRoute& route, std::size_t mtu,
               Patience patience, TimePoint now, Emissions& out);
  // One packet in pieces that fit: all are emitted, or held, or none. Only what leaves by a link
  // with MAC addresses may have something unfinished.
  struct Piece {
    std::span<const std::byte> head, rest;
    Unfinished unfinished = {};
    // What it counts for in the queue of a neighbour.
    std::size_t weight() const;
  };
  Outcome send(std::span<const Piece> pieces, const ResolvedRoute& route, Patience patience,
               TimePoint now, Emissions& out);

  struct Settled {
    std::uint64_t forwarded = 0, dropped = 0;  // held packets whose wait ended
  };
  Settled update(std::shared_ptr<const Network> network, TimePoint now, Emissions& out);
  using Lost = std::function<void(std::span<const std::byte>)>;
  Settled expire(TimePoint now, const Lost& lost);  // called with each packet given up
  std::optional<TimePoint> next_deadline() const;

 private:
  struct HeldPacket {
    std::vector<std::byte> bytes;
    Mac source;
    TimePoint give_up;
    bool client;
    bool counts;  // the last piece stands for the packet it was cut from
    Unfinished unfinished;
    std::size_t weight;
  };
  struct NeighborUse {
    InterfaceIndex interface = kNoInterface;
    IpAddress address;
    std::optional<Mac> mac;
    TimePoint next_refresh{}, next_resolve{};
    std::list<HeldPacket> waiting;  // most have none, which takes no memory
    std::size_t weight = 0;         // of those that wait
  };
  using NeighborKey = std::pair<InterfaceIndex, IpAddress>;

  void resolve(ResolvedRoute& entry, const IpAddress& to, const IpAddress& from);
  void release(NeighborUse& use, const HeldPacket& packet, std::uint64_t& counter);
  std::uint32_t neighbor_use(InterfaceIndex interface, const IpAddress& address);
  void forget_idle_neighbors();
  std::uint32_t neighbor_of(const ResolvedRoute& route) {
    if (route.generation == generation_) return route.neighbor;
    return neighbor_use(route.hop.interface, route.hop.gateway);
  }
  void emit(const Piece& piece, const ResolvedRoute& route, NeighborUse& use, TimePoint now,
            Emissions& out);
  Outcome hold(std::span<const Piece> pieces, const ResolvedRoute& route, std::uint32_t neighbor,
               Patience patience, TimePoint now, Emissions& out);

  std::shared_ptr<const Network> network_;
  RouteCache cache_;
  std::vector<NeighborUse> neighbors_;
  CopyOnWrite<std::map<NeighborKey, std::uint32_t>> neighbor_index_;
  std::vector<std::span<const std::byte>> fragments_;
  std::vector<Piece> pieces_;
  std::vector<std::uint32_t> waiting_;  // neighbours that packets wait for
  std::uint32_t generation_ = 0;
  std::uint32_t next_fragment_id_;  // of IPv6 packets that are cut
  std::size_t held_ = 0, held_for_clients_ = 0;
};

}  // namespace lvsd
