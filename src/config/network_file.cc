// SPDX-License-Identifier: GPL-2.0-or-later
// The network file of design section 3 -> Network. What the file leaves out is derived here (the
// device of a next hop, from the networks of the interfaces) or by Network itself (connected
// routes).
#include <array>
#include <set>
#include <unordered_map>
#include <utility>

#include "lvsd/config/fields.h"
#include "lvsd/config/load.h"
#include "lvsd/config/text.h"

namespace lvsd {
namespace {

constexpr std::array<std::string_view, 7> kFileKeys{
    "interfaces", "routes", "rules", "neighbors", "marks", "assume_neighbors", "complete_routes"};
constexpr std::array<std::string_view, 7> kInterfaceKeys{"name", "index",    "mac",      "mtu",
                                                         "up",   "loopback", "addresses"};
constexpr std::array<std::string_view, 8> kRouteKeys{"to",     "via",   "dev",    "kind",
                                                     "source", "table", "metric", "mtu"};
constexpr std::array<std::string_view, 4> kRuleKeys{"priority", "from", "to", "table"};
constexpr std::array<std::string_view, 6> kMarkKeys{"mark",        "dev",      "source",
                                                    "destination", "protocol", "ports"};
constexpr std::array<std::string_view, 3> kNeighborKeys{"address", "mac", "dev"};
constexpr std::array<Choice<RouteKind>, 4> kRouteKinds{{{"unicast", RouteKind::unicast},
                                                        {"local", RouteKind::local},
                                                        {"unreachable", RouteKind::unreachable},
                                                        {"kernel", RouteKind::kernel}}};
constexpr std::array<Choice<std::uint32_t>, 3> kTables{
    {{"main", 254}, {"local", 255}, {"default", 253}}};

constexpr std::string_view kInterfaceRemedy =
    "an interface is a mapping: {name: eth0, mac: \"02:00:00:00:01:01\", addresses: [10.0.1.1/24]}";
constexpr std::string_view kRouteRemedy = "a route is a mapping: {to: 10.1.0.0/16, via: 10.0.1.2}";
constexpr std::string_view kRuleRemedy =
    "a rule is a mapping: {priority: 100, from: 10.1.0.0/16, table: 100}";
constexpr std::string_view kNeighborRemedy =
    "a neighbour is a mapping: {address: 10.0.2.11, mac: \"02:00:00:00:02:11\"}";
constexpr std::string_view kMarkRemedy =
    "a mark is a mapping: {mark: 7, destination: 192.0.2.10, protocol: tcp, ports: [80, 443]}";
constexpr std::string_view kPrefixRemedy = "write ADDRESS/LENGTH, as in 10.1.0.0/16, or default";
constexpr std::string_view kMacRemedy = "write six hex pairs in quotes: \"02:00:00:00:01:01\"";

template <class Read>
void each(const std::optional<Item>& list, std::string_view remedy, Read&& read) {
  if (!list || !list->require(ValueKind::list, remedy)) return;
  for (std::size_t i = 0; i < list->size(); ++i) read((*list)[i]);
}

std::optional<IpAddress> read_address(const Item& item) {
  constexpr std::string_view kRemedy = "write an address, as in 10.0.1.2 or \"fd00:1::2\"";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::parse(*text);
  if (!address) item.refuse(quoted(*text) + " is not an address", std::string(kRemedy));
  return address;
}

std::optional<Mac> read_mac(const Item& item) {
  const std::optional<std::string_view> text = read_text(item, kMacRemedy);
  if (!text) return std::nullopt;
  const std::optional<Mac> mac = Mac::parse(*text);
  if (!mac) item.refuse(quoted(*text) + " is not a MAC address", std::string(kMacRemedy));
  return mac;
}

// An interface's own address: host bits stay, and say which address of the network it is.
std::optional<InterfaceAddress> read_interface_address(const Item& item) {
  constexpr std::string_view kRemedy = "write ADDRESS/LENGTH, as in 10.0.1.1/24";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::parse(text->substr(0, text->find('/')));
  const std::optional<Prefix> prefix = Prefix::parse(*text);
  if (!address || !prefix) {
    item.refuse(quoted(*text) + " is not an address with its prefix length", std::string(kRemedy));
    return std::nullopt;
  }
  return InterfaceAddress{*address, prefix->length};
}

// "default" is everything of `family`'s family.
std::optional<Prefix> read_prefix(const Item& item, const std::optional<IpAddress>& family) {
  const std::optional<std::string_view> text = read_text(item, kPrefixRemedy);
  if (!text) return std::nullopt;
  if (*text == "default") {
    const bool v6 = family && !family->is_v4();
    return Prefix::of(v6 ? IpAddress() : IpAddress(0, 0, 0, 0), 0);
  }
  const std::optional<IpAddress> address = IpAddress::parse(text->substr(0, text->find('/')));
  const std::optional<Prefix> prefix = Prefix::parse(*text);
  if (!address || !prefix) {
    item.refuse(quoted(*text) + " is not a network", std::string(kPrefixRemedy));
    return std::nullopt;
  }
  if (prefix->address != *address) {
    item.refuse(quoted(*text) + " has bits set behind its prefix length",
                "write " + to_string(*prefix));
  }
  return prefix;
}

std::optional<std::uint32_t> read_table(const Item& item) {
  constexpr std::string_view kRemedy = "write main, local, default or a table's number";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  for (const Choice<std::uint32_t>& table : kTables) {
    if (table.name == *text) return table.value;
  }
  const std::optional<std::uint64_t> number = read_number(item, {1, 0xffffffffU}, kRemedy);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

class NetworkReader {
 public:
  Network read(const Item& root) {
    const Mapping map(root, kFileKeys, "the file is a mapping of interfaces, routes and neighbors");
    each(map.require("interfaces", "list the director's interfaces"), "list them, each a mapping",
         [this](const Item& item) { read_interface(item); });
    // Routes look up devices among the interfaces' own networks.
    connected_.emplace(Network::Parts{parts_.interfaces, {}, {}, {}, {}, false, false});
    each(map.find("routes"), "list them, each a mapping",
         [this](const Item& item) { read_route(item); });
    each(map.find("rules"), "list them, each a mapping",
         [this](const Item& item) { read_rule(item); });
    each(map.find("neighbors"), "list them, each a mapping",
         [this](const Item& item) { read_neighbor(item); });
    each(map.find("marks"), "list them, each a mapping",
         [this](const Item& item) { read_mark(item); });
    if (const auto field = map.find("assume_neighbors")) {
      assign(parts_.assume_neighbors, read_boolean(*field));
    }
    if (const auto field = map.find("complete_routes")) {
      assign(parts_.complete_routes, read_boolean(*field));
    }
    return Network(std::move(parts_));
  }

 private:
  void read_interface(const Item& item) {
    const Mapping map(item, kInterfaceKeys, kInterfaceRemedy);
    if (!map.valid()) return;
    constexpr std::uint64_t kMost = 0x7fffffffU;  // the kernel's type is int
    Interface out;
    std::uint64_t index = ++position_;
    if (const auto field = map.require("name", "add 'name: NAME'")) read_name(*field, out);
    const auto index_field = map.find("index");
    if (index_field) assign(index, read_number(*index_field, {1, kMost}, "as ip link shows it"));
    if (const auto field = map.find("mac")) assign_optional(out.mac, read_mac(*field));
    if (const auto field = map.find("mtu")) {
      assign(out.mtu, read_number(*field, {0, kMost}, "write a number of bytes, such as 1500"));
    }
    if (const auto field = map.find("up")) assign(out.up, read_boolean(*field));
    out.loopback = out.name == "lo";
    if (const auto field = map.find("loopback")) assign(out.loopback, read_boolean(*field));
    each(map.find("addresses"), "list them, as in [10.0.1.1/24]", [&](const Item& address) {
      if (const auto own = read_interface_address(address)) out.addresses.push_back(*own);
    });
    out.index = InterfaceIndex{static_cast<std::uint32_t>(index)};
    if (!indices_.insert(index).second) {
      (index_field ? *index_field : item)
          .refuse("index " + std::to_string(index) + " is another interface's",
                  "give each interface an index of its own, or none at all");
    }
    parts_.interfaces.push_back(std::move(out));
  }

  void read_name(const Item& item, Interface& out) {
    assign(out.name, read_interface_name(item));
    const auto [seen, fresh] = by_name_.try_emplace(out.name, parts_.interfaces.size());
    if (fresh || out.name.empty()) return;
    item.refuse(
        quoted(out.name) + " is listed already (interfaces[" + std::to_string(seen->second) + "])",
        "list each interface once");
  }

  void read_route(const Item& item) {
    const Mapping map(item, kRouteKeys, kRouteRemedy);
    if (!map.valid()) return;
    Route out;
    if (const auto field = map.find("via")) assign_optional(out.via, read_address(*field));
    if (const auto field = map.find("source")) assign_optional(out.source, read_address(*field));
    if (const auto field = map.require("to", "add 'to: ADDRESS/LENGTH' or 'to: default'")) {
      assign(out.to, read_prefix(*field, out.via ? out.via : out.source));
    }
    std::optional<RouteKind> kind = RouteKind::unicast;
    if (const auto field = map.find("kind")) kind = read_choice<RouteKind>(*field, kRouteKinds);
    assign(out.kind, kind);
    if (const auto field = map.find("table")) assign(out.table, read_table(*field));
    constexpr std::uint64_t kMost = 0xffffffffU;
    if (const auto field = map.find("metric")) {
      assign(out.metric, read_number(*field, {0, kMost}, "write a number, 0 for the best"));
    }
    if (const auto field = map.find("mtu")) {
      assign(out.mtu,
             read_number(*field, {0, kMost}, "write a number of bytes, 0 for the device's"));
    }
    const bool needs_device = kind == RouteKind::unicast;
    const std::optional<Item> via = map.find("via"), dev = map.find("dev");
    if (needs_device && !via && !dev) item.refuse("has neither 'via' nor 'dev'", "add one of them");
    out.interface = device(dev, needs_device ? via : std::nullopt, out.via);
    parts_.routes.push_back(out);
  }

  void read_rule(const Item& item) {
    const Mapping map(item, kRuleKeys, kRuleRemedy);
    if (!map.valid()) return;
    RoutingRule out;
    if (const auto field = map.require("priority", "add 'priority: NUMBER', as ip rule shows it")) {
      assign(out.priority,
             read_number(*field, {0, 0xffffffffU}, "write a number, as ip rule shows"));
    }
    if (const auto field = map.find("from")) assign_optional(out.from, read_prefix(*field, {}));
    if (const auto field = map.find("to")) assign_optional(out.to, read_prefix(*field, {}));
    if (const auto field = map.require("table", "add 'table: main' or a table's number")) {
      assign(out.table, read_table(*field));
    }
    parts_.rules.push_back(out);
  }

  void read_neighbor(const Item& item) {
    const Mapping map(item, kNeighborKeys, kNeighborRemedy);
    if (!map.valid()) return;
    Neighbor out;
    std::optional<IpAddress> address;
    const auto field = map.require("address", "add 'address: ADDRESS'");
    if (field) address = read_address(*field);
    const auto mac = map.require("mac", "add 'mac: MAC'");
    if (mac) assign(out.mac, read_mac(*mac));
    out.interface = device(map.find("dev"), field, address);
    if (!address) return;
    out.address = *address;
    if (!neighbors_.insert({out.interface, out.address}).second) {
      field->refuse(to_string(out.address) + " is listed already on that interface",
                    "keep one of the two");
    }
    parts_.neighbors.push_back(out);
  }

  void read_mark(const Item& item) {
    const Mapping map(item, kMarkKeys, kMarkRemedy);
    if (!map.valid()) return;
    MarkRule out;
    if (const auto field = map.require("mark", "add 'mark: NUMBER'")) {
      assign(out.mark, read_number(*field, {0, 0xffffffffU}, "a mark is 0 to 4294967295"));
    }
    if (const auto field = map.find("dev")) out.interface = named(*field);
    if (const auto field = map.find("source")) assign_optional(out.source, read_prefix(*field, {}));
    if (const auto field = map.find("destination")) {
      assign_optional(out.destination, read_prefix(*field, {}));
    }
    if (const auto field = map.find("protocol")) {
      constexpr std::array<Choice<std::uint8_t>, 3> kProtocols{
          {{"tcp", 6}, {"udp", 17}, {"sctp", 132}}};
      assign_optional(out.protocol, read_choice<std::uint8_t>(*field, kProtocols));
    }
    each(map.find("ports"), "list them, as in [80, 443]", [&](const Item& port) {
      if (const auto number = read_number(port, {0, 65535}, "a port is 0 to 65535")) {
        out.ports.emplace_back(static_cast<std::uint16_t>(*number));
      }
    });
    parts_.marks.push_back(std::move(out));
  }

  // The interface that `dev` names; without it the one on whose network `address` is, which stands
  // at `from`. Nothing where neither is given.
  InterfaceIndex device(const std::optional<Item>& dev, const std::optional<Item>& from,
                        const std::optional<IpAddress>& address) const {
    if (dev) return named(*dev);
    if (!from || !address) return kNoInterface;
    const std::optional<NextHop> hop = connected_->route(*address);
    if (hop && hop->kind == RouteKind::unicast) return hop->interface;
    from->refuse(to_string(*address) + " is on no interface's network",
                 "add 'dev: NAME', or mend the address");
    return kNoInterface;
  }

  InterfaceIndex named(const Item& dev) const {
    const std::optional<std::string> name = read_interface_name(dev);
    if (!name) return kNoInterface;
    const auto found = by_name_.find(*name);
    if (found != by_name_.end()) return parts_.interfaces[found->second].index;
    std::vector<std::string_view> names;
    for (const Interface& interface : parts_.interfaces) names.push_back(interface.name);
    dev.refuse("there is no interface " + quoted(*name),
               names.empty() ? "list it under 'interfaces'" : "it is one of " + listed(names));
    return kNoInterface;
  }

  template <class T>
  static void assign_optional(std::optional<T>& into, std::optional<T> value) {
    if (value) into = std::move(value);
  }

  Network::Parts parts_;
  std::uint64_t position_ = 0;
  std::set<std::uint64_t> indices_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::optional<Network> connected_;
  std::set<std::pair<InterfaceIndex, IpAddress>> neighbors_;
};

}  // namespace

Result<Network, Problems> parse_network(std::string_view text) {
  Report report(text);
  const Document document(text, report);
  if (document.broken()) return Unexpected<Problems>{report.take()};
  if (document.empty()) {
    report.add({1, 1}, {}, "the file is empty",
               "the least that a network needs is 'interfaces: []'");
    return Unexpected<Problems>{report.take()};
  }
  Network network = NetworkReader().read({document.root(), Path(), report});
  if (!report.clean()) return Unexpected<Problems>{report.take()};
  return network;
}

Result<Network, Problems> load_network(const std::string& file) {
  const Result<std::string, Problem> text = read_file(file);
  if (!text) return Unexpected<Problems>{{{text.error()}}};
  return parse_network(*text);
}

}  // namespace lvsd
