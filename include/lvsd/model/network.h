// SPDX-License-Identifier: GPL-2.0-or-later
// The network around the director, as data: interfaces, routes, routing rules, neighbours. One
// model, filled by rtnetlink when live and from a file when offline, immutable once built; a change
// makes a new one, which the director takes between two batches.
//
// Lookups follow the kernel: rules by priority, then the longest prefix, then the lowest metric.
// Costs: one hash probe per prefix length that occurs in the table, so a few dozen at most.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lvsd/net/address.h"
#include "lvsd/net/interface_index.h"

namespace lvsd {

struct InterfaceAddress {
  IpAddress address;
  std::uint8_t length = 32;  // of the on-link prefix
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct Interface {
  InterfaceIndex index = kNoInterface;
  std::string name;
  std::optional<Mac> mac;  // none: no link-layer addresses (loopback, tun, ppp): nothing to resolve
  std::uint32_t mtu = 1500;
  bool up = true;
  bool loopback = false;
  std::vector<InterfaceAddress> addresses;
  friend bool operator==(const Interface&, const Interface&) = default;
};

enum class RouteKind : std::uint8_t {
  unicast,
  local,        // an address of this host
  unreachable,  // also blackhole, prohibit, throw: nothing can be sent there
  kernel,       // needs what the model does not hold (lightweight tunnels, several next hops): raw
                // socket
};

struct Route {
  Prefix to;
  RouteKind kind = RouteKind::unicast;
  std::optional<IpAddress> via;  // none: on-link
  InterfaceIndex interface = kNoInterface;
  std::optional<IpAddress> source;  // preferred source address
  std::uint32_t table = 254;        // main
  std::uint32_t metric = 0;
  std::uint32_t mtu = 0;  // 0: the interface's
  friend bool operator==(const Route&, const Route&) = default;
};

// Policy routing (ip rule). The director's look-ups have no mark, no incoming interface, no
// protocol and no ports, as those of IPVS: the reader of rtnetlink leaves out rules that need one
// of these, and gives rules that do more than the model holds the answer `kernel`.
struct RoutingRule {
  std::uint32_t priority = 32766;
  std::optional<Prefix> from, to;
  std::uint32_t table = 254;
  bool v4 = true, v6 = true;  // look-ups of which family it serves
  bool inverted = false;      // "not": matches what from and to together do not
  // Passes over what the table finds with a prefix of this length or shorter ("everything in main
  // but the default route", as wg-quick sets it up).
  std::optional<std::uint8_t> suppress_length = {};
  std::optional<RouteKind> answer = {};  // instead of a table: unreachable, or kernel
  friend bool operator==(const RoutingRule&, const RoutingRule&) = default;
};

struct Neighbor {
  IpAddress address;
  InterfaceIndex interface = kNoInterface;
  Mac mac;
  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

// A capture carries no firewall marks: in the network file one may say which packets have which.
// The last rule that matches counts, as with iptables -j MARK. Whatever is left out matches all.
struct MarkRule {
  std::uint32_t mark = 0;
  InterfaceIndex interface = kNoInterface;  // by which the packet came
  std::optional<Prefix> source, destination;
  std::optional<std::uint8_t> protocol;
  std::vector<Port> ports;  // of the destination
  friend bool operator==(const MarkRule&, const MarkRule&) = default;
};

// Where a packet would go: the answer of Network::route.
struct NextHop {
  RouteKind kind = RouteKind::unicast;
  InterfaceIndex interface = kNoInterface;
  IpAddress gateway;  // the address to resolve: `via`, or the destination itself when on-link
  IpAddress source;   // the address this host would use as its own
  std::uint32_t mtu = 1500;
};

class Network {
 public:
  // `assume_neighbors`: offline without a file, every address answers ARP with a MAC made from it
  // (design section 3).
  struct Parts {
    std::vector<Interface> interfaces;
    std::vector<Route>
        routes;  // connected routes and local addresses are added from the interfaces
    std::vector<RoutingRule> rules;  // empty: local, main, default, as the kernel starts with
    std::vector<Neighbor> neighbors;
    std::vector<MarkRule> marks;  // offline only
    bool assume_neighbors = false;
    // Live: the kernel's tables are whole, so neither connected nor local routes are derived from
    // an address (they may have been deleted, or given another metric; the interface may be down).
    bool complete_routes = false;
  };
  explicit Network(Parts parts);

  // The one interface of design section 3 on which every address is a neighbour.
  static Parts assumed_parts();
  static Network assumed() { return Network(assumed_parts()); }
  // The MAC that an assumed neighbour answers with: 02:00 and the last four address bytes.
  static Mac assumed_mac(const IpAddress& address);

  const std::vector<Interface>& interfaces() const { return parts_.interfaces; }
  const std::vector<Route>& routes() const { return parts_.routes; }
  const std::vector<RoutingRule>& rules() const { return parts_.rules; }
  const std::vector<MarkRule>& marks() const { return parts_.marks; }
  const std::vector<Neighbor>& neighbors() const { return parts_.neighbors; }
  bool assumes_neighbors() const { return parts_.assume_neighbors; }
  bool complete_routes() const { return parts_.complete_routes; }

  const Interface* interface(InterfaceIndex index) const;
  const Interface* interface(std::string_view name) const;
  bool is_local(const IpAddress& address) const;
  // nullopt: no route. `from` is the source that rules may look at, unspecified as in the kernel's
  // look-ups for a packet it has no source for yet.
  std::optional<NextHop> route(const IpAddress& to, const IpAddress& from = {}) const;
  std::optional<Mac> neighbor(InterfaceIndex interface, const IpAddress& address) const;

 private:
  struct Table {
    // Index (route_at) of the best route per prefix, by prefix length within its family.
    std::array<std::unordered_map<IpAddress, std::uint32_t, IpAddressHash>, 33> v4;
    std::array<std::unordered_map<IpAddress, std::uint32_t, IpAddressHash>, 129> v6;
  };
  void add_connected();
  void index_routes();
  const Route& route_at(std::uint32_t index) const;
  const Route* longest_match(std::uint32_t table, const IpAddress& to) const;
  NextHop next_hop(const Route& route, const IpAddress& to) const;
  IpAddress source_on(const Interface& out, const IpAddress& gateway) const;

  Parts parts_;
  std::vector<Route> derived_;  // local and connected, from the interfaces' addresses
  std::unordered_map<std::uint32_t, Table> tables_;
  std::unordered_map<std::uint32_t, std::uint32_t> by_index_;  // interface index -> position
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> local_;
  std::unordered_map<IpAddress, std::vector<std::uint32_t>, IpAddressHash> neighbors_;
};

}  // namespace lvsd
