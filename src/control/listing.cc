// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/listing.h"

#include <map>
#include <unordered_set>

#include "lvsd/control/json_reader.h"
#include "lvsd/director/snapshot_sum.h"

namespace lvsd {
namespace {

using nlohmann::json;

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

json to_json(const Timeouts& timeouts) {
  return {{"tcp", in_seconds(timeouts.tcp)},
          {"tcp_fin", in_seconds(timeouts.tcp_fin)},
          {"udp", in_seconds(timeouts.udp)}};
}

Statistics parse_statistics(const json& object) {
  return {.connections = number<std::uint64_t>(object, "connections"),
          .packets_in = number<std::uint64_t>(object, "packets_in"),
          .packets_out = number<std::uint64_t>(object, "packets_out"),
          .bytes_in = number<std::uint64_t>(object, "bytes_in"),
          .bytes_out = number<std::uint64_t>(object, "bytes_out")};
}

ForwardingMethod parse_method_of(const json& object) {
  const ForwardingMethod method =
      known(parse_method(object.at("method").get<std::string>()), "method");
  if (!std::holds_alternative<Tunnel>(method)) return method;
  const json& tunnel = object.at("tunnel");
  const auto type = tunnel.at("type").get<std::string>();
  Tunnel out{Encapsulation::ipip, Port(number<std::uint16_t>(tunnel, "port")), {}};
  for (const auto each : {Encapsulation::gue, Encapsulation::gre}) {
    if (type == to_string(each)) out.encapsulation = each;
  }
  if (type != to_string(out.encapsulation)) refuse_json("unknown tunnel");
  const auto checksum = number<std::uint8_t>(tunnel, "checksum");
  if (checksum > static_cast<unsigned>(TunnelChecksum::remote)) refuse_json("unknown checksum");
  out.checksum = static_cast<TunnelChecksum>(checksum);
  return out;
}

// A century, so that what a hostile daemon says stays a Duration.
Duration parse_seconds(const json& object, const char* key) {
  constexpr double kMost = 100.0 * 366 * 24 * 3600;
  const json& value = object.at(key);
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= kMost)) {
    refuse_json(std::string(key) + " is not a number of seconds in range");
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value.get<double>()));
}

Persistence parse_persistence(const json& object) {
  Persistence out;
  out.timeout = parse_seconds(object, "timeout");
  out.netmask = number<std::uint8_t>(object, "netmask");
  const auto engine = object.at("engine").get<std::string>();
  if (engine == to_string(PersistenceEngine::sip)) out.engine = PersistenceEngine::sip;
  if (engine != to_string(out.engine)) refuse_json("unknown engine");
  return out;
}

DestinationSnapshot parse_destination(const json& object) {
  DestinationSnapshot destination;
  const json& thresholds = object.at("thresholds");
  destination.config = {.endpoint = endpoint_of(object),
                        .method = parse_method_of(object),
                        .weight = Weight(number<std::uint16_t>(object, "weight")),
                        .thresholds = {.upper = number<std::uint32_t>(thresholds, "upper"),
                                       .lower = number<std::uint32_t>(thresholds, "lower")}};
  destination.active = number<std::uint32_t>(object, "active");
  destination.inactive = number<std::uint32_t>(object, "inactive");
  destination.persistent = number<std::uint32_t>(object, "persistent");
  destination.overloaded = object.at("overloaded").get<bool>();
  destination.retired = object.at("retired").get<bool>();
  destination.statistics = parse_statistics(object.at("statistics"));
  destination.rates = parse_statistics(object.at("rates"));
  return destination;
}

ListedService parse_service(const json& object) {
  ListedService listed;
  ServiceSnapshot& service = listed.service;
  service.name = object.at("name").get<std::string>();
  service.key = {known(parse_protocol(object.at("protocol").get<std::string>()), "protocol"),
                 endpoint_of(object), number<std::uint32_t>(object, "mark")};
  if (object.contains("persistence")) {
    service.persistence = parse_persistence(object.at("persistence"));
  }
  service.one_packet = object.at("one_packet").get<bool>();
  service.scheduler =
      known(parse_scheduler(object.at("scheduler").get<std::string>()), "scheduler");
  const json& flags = object.at("scheduler_flags");
  service.scheduler_flags = {.fallback = flags.at("fallback").get<bool>(),
                             .port = flags.at("port").get<bool>()};
  service.statistics = parse_statistics(object.at("statistics"));
  service.rates = parse_statistics(object.at("rates"));
  for (const json& destination : object.at("destinations")) {
    service.destinations.push_back(parse_destination(destination));
  }
  listed.retired = object.at("retired").get<bool>();
  for (const json& destination : object.at("destinations")) {
    const auto health = destination.find("health");
    if (health == destination.end()) continue;
    listed.health[endpoint_of(destination)] = health->get<std::string>();
  }
  return listed;
}

}  // namespace

Listing make_listing(std::vector<DirectorSnapshot> workers, const Config& config) {
  std::unordered_set<ServiceKey, ServiceKeyHash> configured;
  for (const VirtualService& service : config.services) configured.insert(service.key);
  Listing listing;
  listing.timeouts = config.timeouts;
  std::map<ServiceKey, std::size_t> places;
  for (DirectorSnapshot& worker : workers) {
    listing.size += worker.connection_limit;
    for (ServiceSnapshot& service : worker.services) {
      const auto [place, is_new] = places.try_emplace(service.key, listing.services.size());
      if (is_new) {
        const bool retired = !configured.contains(service.key);
        listing.services.push_back({std::move(service), retired});
      } else {
        listing.services[place->second].service += service;
      }
    }
  }
  return listing;
}

json to_json(const ListedService& listed) {
  std::string text;
  append_json(text, listed);
  return json::parse(text);
}

json to_json(const Listing& listing) {
  json services = json::array();
  for (const ListedService& listed : listing.services) services.push_back(to_json(listed));
  return {{"size", listing.size},
          {"timeouts", to_json(listing.timeouts)},
          {"services", std::move(services)}};
}

Result<Listing, Error> parse_listing(const json& reply) {
  try {
    Listing listing;
    listing.size = number<std::uint64_t>(reply, "size");
    const json& timeouts = reply.at("timeouts");
    listing.timeouts = {.tcp = parse_seconds(timeouts, "tcp"),
                        .tcp_fin = parse_seconds(timeouts, "tcp_fin"),
                        .udp = parse_seconds(timeouts, "udp")};
    for (const json& service : reply.at("services")) {
      listing.services.push_back(parse_service(service));
    }
    return listing;
  } catch (const json::exception& wrong) {
    return fail(std::string("the daemon's listing cannot be read: ") + wrong.what());
  }
}

}  // namespace lvsd
