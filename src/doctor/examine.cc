// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/doctor/examine.h"

#include <algorithm>

#include "probes.h"
#include "questions.h"
#include "wire.h"

namespace lvsd::doctor {
namespace {

constexpr std::size_t kBatch = 200;  // destinations at once: each has up to five probes

std::string network_of(const Network& network, const IpAddress& address) {
  for (const Interface& interface : network.interfaces()) {
    if (interface.loopback || !interface.mac) continue;
    for (const InterfaceAddress& own : interface.addresses) {
      if (own.address.is_v4() != address.is_v4() || own.length == own.address.width()) continue;
      if (Prefix::of(own.address, own.length).contains(address)) return interface.name;
    }
  }
  return {};
}

std::vector<VipEvidence> vips_of(const Config& config, const Network& network) {
  std::vector<VipEvidence> vips;
  for (const VirtualService& service : config.services) {
    if (service.key.is_by_mark()) continue;
    const IpAddress& vip = service.key.listen.address;
    const bool known = std::any_of(vips.begin(), vips.end(),
                                   [&vip](const VipEvidence& other) { return other.vip == vip; });
    if (known) continue;
    vips.push_back({vip, network.is_local(vip), network_of(network, vip), {}});
  }
  return vips;
}

std::vector<DestinationEvidence> destinations_of(const Config& config, const Network& network) {
  std::vector<DestinationEvidence> all;
  for (const VirtualService& service : config.services) {
    for (const Destination& destination : service.destinations) {
      DestinationEvidence seen;
      seen.service = service.name;
      seen.virtual_service = service;
      seen.virtual_service.destinations.clear();
      seen.destination = destination;
      const IpAddress& address = destination.endpoint.address;
      seen.local = network.is_local(address);
      seen.hop = network.route(address);
      const Interface* out = seen.hop ? network.interface(seen.hop->interface) : nullptr;
      if (out != nullptr) {
        seen.interface = out->name;
        seen.link_up = out->up;
        seen.has_mac = out->mac.has_value();
      }
      all.push_back(std::move(seen));
    }
  }
  return all;
}

}  // namespace

Evidence examine(const Examination& wanted, const Network& network) {
  Evidence evidence;
  evidence.config = wanted.config;
  evidence.host = inspect(wanted, network);
  evidence.vips = vips_of(wanted.config, network);
  evidence.destinations = destinations_of(wanted.config, network);
  Wire wire;
  Questions questions(network, wire);
  questions.ask(evidence);
  for (std::size_t first = 0; first < evidence.destinations.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, evidence.destinations.size() - first);
    Probes probes(network, wire, wanted);
    probes.examine(std::span(evidence.destinations).subspan(first, count));
  }
  return evidence;
}

}  // namespace lvsd::doctor
