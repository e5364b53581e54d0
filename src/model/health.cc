// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/health.h"

#include <algorithm>

namespace lvsd {

std::string_view to_string(CheckType type) {
  constexpr std::array<std::string_view, kCheckTypes.size()> kNames{
      "tcp", "http", "https", "tls",   "ping",  "udp", "dns",
      "ntp", "smtp", "ssh",   "redis", "mysql", "exec"};
  return kNames[static_cast<std::size_t>(type)];
}

Port usual_port(CheckType type) {
  using enum CheckType;
  switch (type) {
    case http:
      return Port(80);
    case https:
    case tls:
      return Port(443);
    case dns:
      return Port(53);
    case ntp:
      return Port(123);
    case smtp:
      return Port(25);
    case ssh:
      return Port(22);
    case redis:
      return Port(6379);
    case mysql:
      return Port(3306);
    case tcp:
    case udp:
    case ping:
    case exec:
      break;
  }
  return Port();
}

std::string_view to_string(OnFailure action) {
  using enum OnFailure;
  switch (action) {
    case quiesce:
      return "quiesce";
    case remove:
      return "remove";
    case reset:
      return "reset";
  }
  return "";
}

bool ServiceHealth::empty() const {
  return !health && differing.empty() && slow_start == Duration::zero() && panic == 0 && !quorum &&
         !sorry_server && hooks.empty();
}

const Health* ServiceHealth::of(const Endpoint& endpoint) const {
  const auto own = std::ranges::lower_bound(differing, endpoint, {}, &CheckedDestination::endpoint);
  const bool differs = own != differing.end() && own->endpoint == endpoint;
  const std::optional<Health>& found = differs ? own->health : health;
  return found ? &*found : nullptr;
}

Endpoint target_of(const Probe& probe, const Endpoint& endpoint) {
  const Port port = endpoint.port != Port() ? endpoint.port : usual_port(probe.type);
  return {probe.address.value_or(endpoint.address), probe.port.value_or(port)};
}

HealthIndex::HealthIndex(const std::vector<ServiceHealth>& all) {
  services_.reserve(all.size());
  for (const ServiceHealth& each : all) services_.emplace(each.service, &each);
}

const ServiceHealth* HealthIndex::find(const ServiceKey& service) const {
  const auto found = services_.find(service);
  return found != services_.end() ? found->second : nullptr;
}

}  // namespace lvsd
