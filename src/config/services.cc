// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/services.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lvsd/config/health.h"

namespace lvsd {
namespace {

constexpr std::array<std::string_view, 20> kServiceKeys{
    "name",       "listen",      "fwmark",     "family",       "method", "tunnel",       "oversize",
    "scheduler",  "persistence", "one_packet", "timeouts",     "helper", "destinations", "health",
    "slow_start", "panic",       "quorum",     "sorry_server", "hooks",  "hairpin"};
constexpr std::array<std::string_view, 7> kDestinationKeys{
    "address", "weight", "method", "tunnel", "thresholds", "state", "health"};

constexpr std::string_view kFlagsRemedy =
    "flags are part of the scheduler: 'scheduler: {name: mh, fallback: true, port: true}'";

// Keys that belong here in later versions, or under other names in other programs' files.
constexpr std::array<OtherKey, 13> kOtherServiceKeys{
    {{"scheduler_flags", "unknown key", kFlagsRemedy},
     {"sched_flags", "unknown key", kFlagsRemedy},
     {"persistent", "unknown key", "write 'persistence: {timeout: 300s, netmask: 32}'"},
     {"persistence_timeout", "unknown key", "write 'persistence: {timeout: 300s}'"},
     {"ops", "unknown key", "one-packet scheduling is 'one_packet: true'"},
     {"mark", "unknown key", "a service by firewall mark is 'fwmark: NUMBER'"},
     {"check", "unknown key", "how destinations are checked is 'health: {type: tcp}'"},
     {"address", "unknown key", "the virtual address is 'listen: ADDRESS:PORT/PROTOCOL'"},
     {"vip", "unknown key", "the virtual address is 'listen: ADDRESS:PORT/PROTOCOL'"},
     {"port", "unknown key", "the port is part of 'listen: ADDRESS:PORT/PROTOCOL'"},
     {"protocol", "unknown key", "the protocol is part of 'listen: ADDRESS:PORT/PROTOCOL'"},
     {"servers", "unknown key", "real servers are listed under 'destinations'"},
     {"real_servers", "unknown key", "real servers are listed under 'destinations'"}}};
constexpr std::string_view kThresholdsRemedy = "write 'thresholds: {upper: 1000, lower: 800}'";
constexpr std::array<OtherKey, 7> kOtherDestinationKeys{
    {{"check", "unknown key", "how it is checked is 'health: {type: tcp}'"},
     {"drain", "unknown key", "write 'state: drain'"},
     {"upper_threshold", "unknown key", kThresholdsRemedy},
     {"lower_threshold", "unknown key", kThresholdsRemedy},
     {"port", "unknown key", "with nat the port is part of the address: 'address: 10.0.0.11:8080'"},
     {"ip", "unknown key", "write 'address: ADDRESS'"},
     {"listen", "unknown key", "a destination has an 'address'"}}};

constexpr std::string_view kServiceRemedy =
    "a service is a mapping: {name: web, listen: 192.0.2.10:80/tcp, destinations: [...]}";
constexpr std::string_view kDestinationRemedy =
    "a destination is a mapping: {address: 10.0.0.11, weight: 1}";
constexpr std::string_view kDestinationsRemedy =
    "list them, as in [{address: 10.0.0.11}], or write 'destinations: []'";

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const {
    return IpAddressHash()(endpoint.address) * 65599U + endpoint.port.host();
  }
};

std::string at(Place place) { return "line " + std::to_string(place.line); }

// Names travel through command lines, logs and metrics: letters, digits and signs that need no
// quoting there. The signs of an address are among them, as the default name is the key.
std::optional<std::string> read_name(const Item& item) {
  constexpr std::string_view kSigns = "._-:/@+[]";
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kRemedy = "use up to 64 letters, digits and signs of ._-:/@+[]";
  const std::optional<std::string_view> text = read_text(item, kRemedy);
  if (!text) return std::nullopt;
  const bool sane = std::all_of(text->begin(), text->end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos;
  });
  if (!sane) {
    item.refuse(quoted(*text) + " holds a character that names may not have", std::string(kRemedy));
    return std::nullopt;
  }
  if (text->size() > kLongest) {
    item.refuse("is " + std::to_string(text->size()) + " characters long", std::string(kRemedy));
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<Weight> read_weight(const Item& item) {
  const std::optional<std::uint64_t> weight =
      read_number(item, {0, 65535}, "a weight is 0 (no new connections) to 65535");
  if (!weight) return std::nullopt;
  return Weight(static_cast<std::uint16_t>(*weight));
}

// FTP's control connection cannot pass NAT without it, so a service on its port has it unless the
// file says otherwise. `key`: as for the destinations.
std::optional<Helper> read_helper(const std::optional<Item>& item,
                                  const std::optional<ServiceKey>& key) {
  constexpr Port kFtpPort{std::uint16_t{21}};
  constexpr std::array<Choice<Helper>, 2> kChoices{{{"ftp", Helper::ftp}, {"none", Helper::none}}};
  if (!key) return std::nullopt;
  const bool tcp = key->protocol == ServiceProtocol::tcp;
  if (!item) return tcp && key->listen.port == kFtpPort ? Helper::ftp : Helper::none;
  const std::optional<Helper> helper = read_choice<Helper>(*item, kChoices);
  if (helper == Helper::ftp && !tcp) {
    item->refuse("FTP is spoken over TCP, and the service is " + to_string(*key),
                 "leave the key out");
    return std::nullopt;
  }
  return helper;
}

// Zero is what ipvsadm shows where there is none.
std::optional<Thresholds> read_thresholds(const Item& item) {
  constexpr std::array<std::string_view, 2> kKeys{"upper", "lower"};
  constexpr std::string_view kRemedy = "a number of connections, 0 (none) to 4294967295";
  constexpr Range kRange{0, 0xffffffffU};
  const Mapping map(item, kKeys, kThresholdsRemedy);
  Thresholds out;
  if (const std::optional<Item> upper =
          map.require("upper", "add the connections that overload it: 'upper: 1000'")) {
    const std::optional<std::uint64_t> number = read_number(*upper, kRange, kRemedy);
    if (!number) return std::nullopt;
    out.upper = static_cast<std::uint32_t>(*number);
  } else {
    return std::nullopt;
  }
  if (const std::optional<Item> lower = map.find("lower")) {
    assign(out.lower, read_number(*lower, kRange, kRemedy));
    if (out.lower > out.upper) {
      lower->refuse(std::to_string(out.lower) + " is above the upper threshold",
                    "write at most " + std::to_string(out.upper));
    }
  }
  return out;
}

// The destinations of one service. `key` and `method` are what the service says, where it could be
// read: without them, what depends on them is not judged.
class DestinationsReader {
 public:
  DestinationsReader(std::optional<ServiceKey> key, std::optional<ForwardingMethod> method,
                     bool persistent, ServiceHealth& health)
      : key_(key), method_(method), persistent_(persistent), health_(health) {}

  std::vector<Destination> read(const Item& list) {
    std::vector<Destination> out;
    if (!list.require(ValueKind::list, kDestinationsRemedy)) return out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (std::optional<Destination> destination = read_one(list[i])) {
        out.push_back(*destination);
      }
    }
    return out;
  }

  std::optional<Destination> read_one(const Item& item) {
    const Mapping map(item, kDestinationKeys, kDestinationRemedy, kOtherDestinationKeys);
    std::optional<ForwardingMethod> method = method_;
    if (const std::optional<Item> field = map.find("method")) {
      method = read_method(*field);
      // Also said again, it is the service's own tunnel.
      if (method && method_ && method->index() == method_->index()) method = method_;
    }
    read_tunnel(map, method);
    Destination out;
    if (const std::optional<Item> field = map.find("weight"))
      assign(out.weight, read_weight(*field));
    if (const std::optional<Item> field = map.find("thresholds"))
      assign(out.thresholds, read_thresholds(*field));
    if (const std::optional<Item> field = map.find("state")) out.drain = read_state(*field);
    const std::optional<Item> field =
        map.require("address", "add the real server's address: 'address: 10.0.0.11'");
    if (!field) return std::nullopt;
    const std::optional<DestinationAddress> address = read_destination_address(*field);
    if (!address) return std::nullopt;
    judge_address(*field, *address, method);
    out.endpoint.address = address->address;
    if (address->port) {
      out.endpoint.port = *address->port;
    } else if (key_) {
      out.endpoint.port = key_->listen.port;
    }
    if (method) out.method = *method;
    judge_repetition(*field, out.endpoint, address->port.has_value());
    if (const std::optional<Item> check = map.find("health")) {
      CheckedDestination own{out.endpoint, health_.health};
      read_health(*check, own.health);
      if (own.health != health_.health) health_.differing.push_back(std::move(own));
    }
    return out;
  }

 private:
  void judge_address(const Item& item, const DestinationAddress& address,
                     const std::optional<ForwardingMethod>& method) const {
    if (key_ && address.address == key_->listen.address) {
      item.refuse(to_string(address.address) + " is the service's own virtual address",
                  "write the real server's own address");
    }
    const bool other_family = key_ && address.address.is_v4() != key_->listen.address.is_v4();
    if (other_family && method && !std::holds_alternative<Tunnel>(*method)) {
      const std::string family = address.address.is_v4() ? "IPv4" : "IPv6";
      item.refuse("an " + family + " address, to which method " + std::string(to_string(*method)) +
                      " cannot forward what came to " + to_string(*key_),
                  "write an address of the same family, or use 'method: tun'");
    }
    const bool maps = method && std::holds_alternative<Masquerade>(*method);
    if (address.port && key_ && maps) judge_mapping(item, address);
    if (!address.port || !method || maps) return;
    const std::string name(to_string(*method));
    if (key_ && *address.port == key_->listen.port) {
      item.refuse("a port, which method " + name + " leaves as it is",
                  "leave it out: " + to_string(address.address));
      return;
    }
    item.refuse("a port of its own, which method " + name + " cannot map to",
                "leave the port out, or use 'method: nat'");
  }

  // As in the kernel, where such a port would be ignored without a word (reference 5.3 step 5).
  void judge_mapping(const Item& item, const DestinationAddress& address) const {
    const std::string remedy = "leave it out: " + to_string(address.address);
    if (key_->is_any_port()) {
      item.refuse("a port of its own, which a service for any port does not map to", remedy);
    } else if (key_->is_by_mark() && persistent_) {
      item.refuse("a port of its own, which a persistent service by mark does not map to", remedy);
    }
  }

  void judge_repetition(const Item& item, const Endpoint& endpoint, bool own_port) {
    if (!key_ && !own_port) return;
    const auto [seen, fresh] = seen_.try_emplace(endpoint, item.value.place());
    if (fresh) return;
    item.refuse(
        to_string(endpoint) + " is a destination of this service already, at " + at(seen->second),
        "keep one of the two; a larger share is a larger weight");
  }

  std::optional<ServiceKey> key_;
  std::optional<ForwardingMethod> method_;
  bool persistent_;
  ServiceHealth& health_;
  std::unordered_map<Endpoint, Place, EndpointHash> seen_;
};

class ServicesReader {
 public:
  ServicesReader(Oversize oversize, std::vector<ServiceHealth>& health)
      : oversize_(oversize), health_(health) {}

  std::vector<VirtualService> read(const Item& list) {
    std::vector<VirtualService> out;
    if (!list.require(ValueKind::list, "list the services, or write 'services: []'")) return out;
    out.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (std::optional<VirtualService> service = read_one(list[i])) {
        out.push_back(std::move(*service));
      }
    }
    judge_hairpins(out, list.report);
    return out;
  }

 private:
  std::optional<VirtualService> read_one(const Item& item) {
    const Mapping map(item, kServiceKeys, kServiceRemedy, kOtherServiceKeys);
    if (!map.valid()) return std::nullopt;
    VirtualService out;
    out.oversize = oversize_;
    const std::optional<Item> by = map.find("fwmark") ? map.find("fwmark") : map.find("listen");
    const std::optional<ServiceKey> key = read_key(item, map);
    if (key) judge_key(*by, *key);
    if (const std::optional<Item> field = map.find("persistence")) {
      out.persistence = read_persistence(*field, key);
    }
    if (const std::optional<Item> field = map.find("one_packet")) {
      assign(out.one_packet, read_boolean(*field));
      if (key) judge_one_packet(*field, *key, out);
    }
    if (const std::optional<Item> field = map.find("timeouts")) {
      out.timeouts = read_service_timeouts(*field);
    }
    std::optional<ForwardingMethod> method = ForwardingMethod{};
    if (const std::optional<Item> field = map.find("method")) method = read_method(*field);
    read_tunnel(map, method);
    if (const std::optional<Item> field = map.find("oversize")) {
      assign(out.oversize, read_oversize(*field));
    }
    if (const std::optional<Item> field = map.find("scheduler")) {
      if (const std::optional<SchedulerChoice> choice = read_scheduler(*field)) {
        out.scheduler = choice->kind;
        out.scheduler_flags = choice->flags;
      }
    }
    ServiceHealth health = read_service_health(map);
    DestinationsReader reader(key, method, out.persistence.has_value(), health);
    if (const std::optional<Item> field = map.require("destinations", kDestinationsRemedy)) {
      out.destinations = reader.read(*field);
    }
    if (const std::optional<Item> field = map.find("sorry_server")) {
      const std::size_t differing = health.differing.size();
      health.sorry_server = reader.read_one(*field);
      if (health.differing.size() != differing) {
        field->refuse("a sorry server is not checked", "leave its 'health' out");
      }
    }
    if (key) health.service = *key;
    std::ranges::stable_sort(health.differing, {}, &CheckedDestination::endpoint);
    judge_health(map, health, out);
    assign(out.helper, read_helper(map.find("helper"), key));
    if (const std::optional<Item> field = map.find("hairpin"); field && key) {
      out.hairpin = read_hairpin(*field, out, key->listen.address.is_v4());
      if (out.hairpin)
        hairpins_.push_back({field->value.place(), field->path.text(), *out.hairpin});
    }
    if (key) out.name = to_string(*key);
    const std::optional<Item> name = map.find("name");
    if (name) assign(out.name, read_name(*name));
    if (!out.name.empty()) judge_name(name ? *name : item, out.name, name.has_value());
    if (!key) return std::nullopt;
    out.key = *key;
    if (!health.empty()) health_.push_back(std::move(health));
    return out;
  }

  // By mark or by address: exactly one of the two.
  static std::optional<ServiceKey> read_key(const Item& item, const Mapping& map) {
    const std::optional<Item> mark = map.find("fwmark"), listen = map.find("listen");
    const std::optional<Item> family = map.find("family");
    if (!mark) {
      if (family) family->refuse("only a service by firewall mark has a family", "leave it out");
      const auto field = map.require("listen", "add 'listen: ADDRESS:PORT/PROTOCOL'");
      return field ? read_listen(*field) : std::nullopt;
    }
    if (listen) {
      listen->refuse("a service goes by 'fwmark' or by 'listen', not by both", "keep one of them");
      return std::nullopt;
    }
    constexpr std::array<Choice<bool>, 2> kFamilies{{{"ipv4", true}, {"ipv6", false}}};
    std::optional<bool> v4 = true;
    if (family) v4 = read_choice<bool>(*family, kFamilies);
    const auto number = read_number(*mark, {1, 0xffffffffU}, "a mark is 1 to 4294967295");
    if (!number || !v4 || item.value.kind() != ValueKind::mapping) return std::nullopt;
    return ServiceKey::by_mark(static_cast<std::uint32_t>(*number), *v4);
  }

  static void judge_one_packet(const Item& item, const ServiceKey& key, const VirtualService& out) {
    if (!out.one_packet || key.is_by_mark() || key.protocol == ServiceProtocol::udp) return;
    item.refuse("one-packet scheduling is for UDP, and this service listens on " +
                    std::string(to_string(key.protocol)),
                "leave it out");
  }

  // What real servers ask for there could not be told from answers.
  void judge_hairpins(const std::vector<VirtualService>& services, Report& report) const {
    if (hairpins_.empty()) return;
    std::unordered_set<IpAddress, IpAddressHash> taken;
    for (const VirtualService& service : services) taken.insert(service.key.listen.address);
    for (const Hairpin& one : hairpins_) {
      if (!taken.contains(one.address)) continue;
      report.add(one.place, one.path, to_string(one.address) + " is a virtual address",
                 "write another of the director's");
    }
  }

  void judge_key(const Item& item, const ServiceKey& key) {
    const auto [seen, fresh] = keys_.try_emplace(key, item.value.place());
    if (fresh) return;
    item.refuse(to_string(key) + " is a service already, at " + at(seen->second),
                "keep one of the two, or give this one another address or port");
  }

  // `given`: the file says it; else it is made of the key, and equal keys are reported as such.
  void judge_name(const Item& item, const std::string& name, bool given) {
    const auto [seen, fresh] = names_.try_emplace(name, Name{item.value.place(), given});
    if (fresh || (!given && !seen->second.given)) return;
    item.refuse(
        quoted(name) + " is the name of the service at " + at(seen->second.place) + " already",
        "give each service a name of its own");
  }

  struct Name {
    Place place;
    bool given = false;
  };
  struct Hairpin {
    Place place;
    std::string path;
    IpAddress address;
  };
  Oversize oversize_;
  std::vector<ServiceHealth>& health_;
  std::unordered_map<ServiceKey, Place, ServiceKeyHash> keys_;
  std::unordered_map<std::string, Name> names_;
  std::vector<Hairpin> hairpins_;
};

}  // namespace

std::vector<VirtualService> read_services(const Item& item, Oversize oversize,
                                          std::vector<ServiceHealth>& health) {
  return ServicesReader(oversize, health).read(item);
}

}  // namespace lvsd
