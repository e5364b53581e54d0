// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/probe_path.h"

#include <unordered_set>

namespace lvsd {
namespace {

constexpr std::uint32_t kPlaces = 1U << ProbePath::kServiceBits;

ServiceProtocol protocol_of(CheckType type) {
  using enum CheckType;
  const bool datagrams = type == udp || type == dns || type == ntp;
  return datagrams ? ServiceProtocol::udp : ServiceProtocol::tcp;
}

std::vector<ProbeTarget> targets_of(const VirtualService& service, const ServiceHealth& health) {
  std::vector<ProbeTarget> targets;
  for (const Destination& destination : service.destinations) {
    const Health* const check = health.of(destination.endpoint);
    if (check == nullptr || check->probe.via == Via::direct) continue;
    const Endpoint target = target_of(check->probe, destination.endpoint);
    targets.push_back({destination.endpoint.address, destination.method,
                       protocol_of(check->probe.type), target.port});
  }
  return targets;
}

// FNV-1a, folded.
std::uint32_t place_of(const ServiceKey& key) {
  std::uint32_t hash = 2166136261U;
  for (const char c : to_string(key)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return (hash ^ hash >> ProbePath::kServiceBits) % kPlaces;
}

}  // namespace

void lay_probe_paths(const Item& services, ConfigFile& file) {
  const std::uint32_t upper = std::uint32_t{file.config.startup.probe_marks}
                              << ProbePath::kServiceBits;
  std::unordered_set<std::uint32_t> taken;
  auto health = file.health.begin();  // in the services' order
  for (VirtualService& service : file.config.services) {
    if (health == file.health.end()) break;
    if (health->service != service.key) continue;
    service.probes.targets = targets_of(service, *health++);
    if (service.probes.targets.empty()) continue;
    if (taken.size() == kPlaces) {
      return services.refuse("more than 65536 services are checked with 'via: service'",
                             "write 'via: direct' for some of them");
    }
    std::uint32_t place = place_of(service.key);
    while (!taken.insert(place).second) place = (place + 1) % kPlaces;
    service.probes.mark = upper | place;
  }
  if (taken.empty()) return;
  for (const VirtualService& service : file.config.services) {
    if (!service.key.is_by_mark() || (service.key.mark ^ upper) >= kPlaces) continue;
    services.refuse("mark " + std::to_string(service.key.mark) + " of service " + service.name +
                        " is among those of checks with 'via: service'",
                    "choose others for these: 'director: {capture: {probe_marks: 19543}}'");
  }
}

void use_probe_marks(Config& config, std::uint16_t upper) {
  for (VirtualService& service : config.services) {
    if (service.probes.mark == 0) continue;
    service.probes.mark =
        std::uint32_t{upper} << ProbePath::kServiceBits | service.probes.mark % kPlaces;
  }
}

}  // namespace lvsd
