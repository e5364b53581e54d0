// SPDX-License-Identifier: GPL-2.0-or-later
// Network -> the network file. What the reader derives again is left out, so that a live network in
// the file's form is short enough to read: default rules, local and connected routes, the loopback
// device's nature, indices that are positions.
#include <algorithm>

#include "lvsd/config/load.h"
#include "lvsd/config/yaml_text.h"

namespace lvsd {
namespace {

constexpr std::uint32_t kLocalTable = 255, kMainTable = 254, kDefaultTable = 253;

// "{key: value, key: value}"
class Fields {
 public:
  void add(std::string_view key, const std::string& value) {
    text_ += text_.empty() ? "{" : ", ";
    text_ += key;
    text_ += ": " + value;
  }
  void add(std::string_view key, std::uint64_t number) { add(key, std::to_string(number)); }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_;
};

std::string table_name(std::uint32_t table) {
  switch (table) {
    case kLocalTable:
      return "local";
    case kMainTable:
      return "main";
    case kDefaultTable:
      return "default";
    default:
      return std::to_string(table);
  }
}

std::string_view kind_name(RouteKind kind) {
  switch (kind) {
    case RouteKind::unicast:
      return "unicast";
    case RouteKind::local:
      return "local";
    case RouteKind::unreachable:
      return "unreachable";
    case RouteKind::kernel:
      return "kernel";
  }
  return "?";
}

std::string prefix_text(const Prefix& prefix) {
  if (prefix.length == 0 && prefix.address.is_v4()) return "default";
  return scalar(to_string(prefix));
}

Route local_route(const Interface& interface, const IpAddress& own) {
  Route route;
  route.to = Prefix::of(own, static_cast<std::uint8_t>(own.width()));
  route.kind = RouteKind::local;
  route.interface = interface.index;
  route.table = kLocalTable;
  route.source = own;
  return route;
}

// The connected route that Network derives from an address; none for one without a network.
std::optional<Route> connected_route(const Interface& interface, const InterfaceAddress& own) {
  if (own.length == own.address.width()) return std::nullopt;
  Route route;
  route.to = Prefix::of(own.address, own.length);
  route.interface = interface.index;
  route.source = own.address;
  return route;
}

// The routes to print, and whether they are all there are. A network from the kernel lists its
// connected routes; where they are just those that the addresses imply, the file need not.
struct ShownRoutes {
  std::vector<Route> routes;
  bool complete = false;
};

ShownRoutes shown_routes(const Network& network) {
  std::vector<Route> derived, connected;
  for (const Interface& interface : network.interfaces()) {
    for (const InterfaceAddress& own : interface.addresses) {
      derived.push_back(local_route(interface, own.address));
      if (const auto route = connected_route(interface, own)) connected.push_back(*route);
    }
  }
  const auto holds = [](const std::vector<Route>& list, const Route& route) {
    return std::find(list.begin(), list.end(), route) != list.end();
  };
  const bool complete = network.complete_routes() &&
                        !std::all_of(connected.begin(), connected.end(), [&](const Route& route) {
                          return holds(network.routes(), route);
                        });
  if (!complete) derived.insert(derived.end(), connected.begin(), connected.end());
  ShownRoutes out{{}, complete};
  for (const Route& route : network.routes()) {
    if (!holds(derived, route)) out.routes.push_back(route);
  }
  return out;
}

std::string show_interface(const Interface& interface, std::size_t position) {
  Fields out;
  out.add("name", scalar(interface.name));
  const auto index = static_cast<std::uint32_t>(interface.index);
  if (index != position + 1) out.add("index", index);
  if (interface.mac) out.add("mac", scalar(to_string(*interface.mac)));
  out.add("mtu", interface.mtu);
  if (!interface.up) out.add("up", "false");
  const bool loopback = interface.name == "lo";
  if (interface.loopback != loopback) out.add("loopback", interface.loopback ? "true" : "false");
  std::string addresses;
  for (const InterfaceAddress& own : interface.addresses) {
    if (!addresses.empty()) addresses += ", ";
    addresses += scalar(to_string(own.address) + "/" + std::to_string(own.length));
  }
  out.add("addresses", "[" + addresses + "]");
  return out.text();
}

std::string device_name(const Network& network, InterfaceIndex index) {
  const Interface* interface = network.interface(index);
  return interface == nullptr ? std::string() : interface->name;
}

std::string show_route(const Network& network, const Route& route) {
  Fields out;
  out.add("to", prefix_text(route.to));
  if (route.via) out.add("via", scalar(to_string(*route.via)));
  const std::string device = device_name(network, route.interface);
  if (!device.empty()) out.add("dev", scalar(device));
  if (route.kind != RouteKind::unicast) out.add("kind", std::string(kind_name(route.kind)));
  if (route.source) out.add("source", scalar(to_string(*route.source)));
  if (route.table != kMainTable) out.add("table", table_name(route.table));
  if (route.metric != 0) out.add("metric", route.metric);
  if (route.mtu != 0) out.add("mtu", route.mtu);
  return out.text();
}

std::string show_rule(const RoutingRule& rule) {
  Fields out;
  out.add("priority", rule.priority);
  if (rule.from) out.add("from", prefix_text(*rule.from));
  if (rule.to) out.add("to", prefix_text(*rule.to));
  out.add("table", table_name(rule.table));
  return out.text();
}

std::string show_neighbor(const Network& network, const Neighbor& neighbor) {
  Fields out;
  out.add("address", scalar(to_string(neighbor.address)));
  out.add("mac", scalar(to_string(neighbor.mac)));
  const std::string device = device_name(network, neighbor.interface);
  if (!device.empty()) out.add("dev", scalar(device));
  return out.text();
}

std::string show_mark(const Network& network, const MarkRule& rule) {
  Fields out;
  out.add("mark", rule.mark);
  const std::string device = device_name(network, rule.interface);
  if (!device.empty()) out.add("dev", scalar(device));
  if (rule.source) out.add("source", prefix_text(*rule.source));
  if (rule.destination) out.add("destination", prefix_text(*rule.destination));
  if (rule.protocol) {
    out.add("protocol", *rule.protocol == 6 ? "tcp" : *rule.protocol == 17 ? "udp" : "sctp");
  }
  std::string ports;
  for (const Port port : rule.ports) ports += (ports.empty() ? "" : ", ") + to_string(port);
  if (!ports.empty()) out.add("ports", "[" + ports + "]");
  return out.text();
}

template <class List, class Show>
void show_list(std::string& out, std::string_view key, const List& list, Show&& show) {
  if (list.empty()) return;
  out += std::string(key) + ":\n";
  for (const auto& entry : list) out += "  - " + show(entry) + "\n";
}

}  // namespace

std::string show_network(const Network& network) {
  std::string out;
  if (network.interfaces().empty()) out += "interfaces: []\n";
  std::size_t position = 0;
  show_list(out, "interfaces", network.interfaces(),
            [&](const Interface& interface) { return show_interface(interface, position++); });
  const ShownRoutes shown = shown_routes(network);
  if (shown.complete) out += "complete_routes: true\n";
  show_list(out, "routes", shown.routes,
            [&](const Route& route) { return show_route(network, route); });
  static const std::vector<RoutingRule> kKernelRules = Network(Network::Parts{}).rules();
  if (network.rules() != kKernelRules) show_list(out, "rules", network.rules(), show_rule);
  show_list(out, "neighbors", network.neighbors(),
            [&](const Neighbor& neighbor) { return show_neighbor(network, neighbor); });
  show_list(out, "marks", network.marks(),
            [&](const MarkRule& rule) { return show_mark(network, rule); });
  if (network.assumes_neighbors()) out += "assume_neighbors: true\n";
  return out;
}

}  // namespace lvsd
