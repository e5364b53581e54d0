// SPDX-License-Identifier: GPL-2.0-or-later
// What follows from the health of a service's destinations, as the service says it.
#include <algorithm>
#include <array>

#include "lvsd/config/health.h"

namespace lvsd {
namespace {

constexpr std::string_view kQuorumRemedy = "write {weight: 2, hysteresis: 1}, or the weight alone";

std::optional<Quorum> read_quorum(const Item& item) {
  constexpr std::array<std::string_view, 2> kKeys{"weight", "hysteresis"};
  constexpr Range kWeights{1, 0x7fffffffU};
  constexpr std::string_view kRemedy = "a sum of weights, 1 or more";
  Quorum out;
  if (item.value.kind() == ValueKind::scalar) {
    assign(out.weight, read_number(item, kWeights, kRemedy));
    return out;
  }
  const Mapping map(item, kKeys, kQuorumRemedy);
  const auto weight = map.require("weight", kQuorumRemedy);
  if (!weight) return std::nullopt;
  assign(out.weight, read_number(*weight, kWeights, kRemedy));
  if (const auto field = map.find("hysteresis")) {
    assign(out.hysteresis, read_number(*field, {0, 0x7fffffffU}, "a sum of weights, 0 or more"));
    if (out.hysteresis >= out.weight) {
      field->refuse("a quorum of " + std::to_string(out.weight) + " could never be lost",
                    "write less than the quorum's weight");
    }
  }
  return out;
}

Hooks read_hooks(const Item& item) {
  constexpr std::array<std::string_view, 2> kKeys{"command", "url"};
  const Mapping map(item, kKeys, "write {command: [/usr/local/bin/told]} or {url: http://...}");
  Hooks hooks;
  if (const auto field = map.find("command")) hooks.command = read_command(*field);
  if (const auto field = map.find("url")) {
    constexpr std::string_view kRemedy = "write http://ADDRESS:PORT/PATH, the address in figures";
    const auto text = read_text(*field, kRemedy);
    if (text && text->starts_with("http://")) {
      hooks.url = *text;
    } else if (text) {
      field->refuse(quoted(*text) + " is no address to POST to", std::string(kRemedy));
    }
  }
  return hooks;
}

// Schedulers for which a part of a weight is a part of the connections.
bool heeds_weights(SchedulerKind kind) {
  using enum SchedulerKind;
  constexpr std::array kHeedless{rr, lc, dh, fo, ovf};
  return std::ranges::find(kHeedless, kind) == kHeedless.end();
}

bool needs_port(CheckType type) { return type != CheckType::ping && type != CheckType::exec; }

void judge_ports(const Item& item, const ServiceHealth& health, const VirtualService& service) {
  for (const Destination& destination : service.destinations) {
    const Health* const check = health.of(destination.endpoint);
    if (check == nullptr || !needs_port(check->probe.type) || check->probe.port) continue;
    if (destination.endpoint.port != Port() || usual_port(check->probe.type) != Port()) continue;
    item.refuse("the service has no port of its own to check " +
                    to_string(destination.endpoint.address) + " at",
                "add 'port' to the check");
    return;
  }
}

// Why `destination` cannot be checked through the data path; empty where it can.
std::string via_problem(const ServiceKey& key, const Destination& destination) {
  const IpAddress& server = destination.endpoint.address;
  if (key.is_by_mark()) return "a service by firewall mark has no virtual address to check";
  if (std::holds_alternative<Masquerade>(destination.method)) {
    return "'via: service' is for dr and tun, and " + to_string(server) + " is nat";
  }
  if (server.is_v4() == key.listen.address.is_v4()) return {};
  return "'via: service' needs a real server of the virtual address's family, and " +
         to_string(server) + " is of the other";
}

void judge_via(const Item& item, const ServiceHealth& health, const VirtualService& service) {
  for (const Destination& destination : service.destinations) {
    const Health* const check = health.of(destination.endpoint);
    if (check == nullptr || check->probe.via == Via::direct) continue;
    std::string problem = via_problem(health.service, destination);
    if (problem.empty()) continue;
    item.refuse(std::move(problem), "write 'via: direct' for it");
    return;
  }
}

}  // namespace

ServiceHealth read_service_health(const Mapping& map) {
  ServiceHealth out;
  if (const auto field = map.find("health")) read_health(*field, out.health);
  if (const auto field = map.find("slow_start")) assign(out.slow_start, read_duration(*field));
  if (const auto field = map.find("panic")) {
    assign(out.panic, read_number(*field, {0, 100}, "a percentage of destinations, 0 to 100"));
  }
  if (const auto field = map.find("quorum")) out.quorum = read_quorum(*field);
  if (const auto field = map.find("hooks")) out.hooks = read_hooks(*field);
  return out;
}

void judge_health(const Mapping& map, const ServiceHealth& health, const VirtualService& service) {
  const auto slow_start = map.find("slow_start");
  if (slow_start && !heeds_weights(service.scheduler)) {
    slow_start->refuse("scheduler " + std::string(to_string(service.scheduler)) +
                           " gives no destination a part of its share",
                       "use one that goes by weight, such as wrr or wlc, or leave it out");
  }
  if (const auto quorum = map.find("quorum"); quorum && health.quorum) {
    std::uint64_t weight = 0;
    for (const Destination& one : service.destinations) weight += one.weight.value();
    if (std::uint64_t{health.quorum->weight} + health.quorum->hysteresis > weight) {
      quorum->refuse("all destinations together weigh " + std::to_string(weight) +
                         ", so that it could never be regained",
                     "make weight and hysteresis together at most that");
    }
  }
  const auto check = map.find("health"), list = map.find("destinations");
  if (!check && !list) return;
  // A destination may have a check of its own where the service has none.
  const Item& at = check ? *check : *list;
  judge_ports(at, health, service);
  judge_via(at, health, service);
}

}  // namespace lvsd
