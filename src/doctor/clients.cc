// SPDX-License-Identifier: GPL-2.0-or-later
#include "clients.h"

#include <algorithm>

namespace lvsd::doctor {
namespace {

// An address in that prefix that is no network's own: ...77.
IpAddress within(const Prefix& prefix) {
  IpAddress::Bytes bytes = prefix.address.bytes();
  constexpr std::uint8_t kSomebody = 77;
  bytes[15] = static_cast<std::uint8_t>(bytes[15] | kSomebody);
  return IpAddress(bytes);
}

}  // namespace

bool on_one_network(const DestinationEvidence& seen) {
  return seen.network && !seen.virtual_service.key.is_by_mark() &&
         seen.network->contains(seen.virtual_service.key.listen.address);
}

IpAddress Clients::own(const DestinationEvidence& seen, bool v4) const {
  if (seen.hop->source.is_v4() == v4) return seen.hop->source;
  const Interface* out = network_.interface(seen.hop->interface);
  if (out == nullptr) return {};
  for (const InterfaceAddress& own : out->addresses) {
    if (own.address.is_v4() == v4 && !own.address.is_link_local()) return own.address;
  }
  return {};
}

IpAddress Clients::behind_director(const DestinationEvidence& seen) const {
  const IpAddress& server = seen.destination.endpoint.address;
  if (wanted_.client && wanted_.client->is_v4() == server.is_v4()) return *wanted_.client;
  const IpAddress outside = server.is_v4() ? IpAddress(198, 51, 100, 77)  // RFC 5737
                                           : *IpAddress::parse("2001:db8:ffff::77");
  const auto hop = network_.route(outside);
  if (hop && hop->kind == RouteKind::unicast) return outside;
  for (const Route& route : network_.routes()) {
    const bool usable = route.kind == RouteKind::unicast && route.table == 254 &&
                        route.to.address.is_v4() == server.is_v4() && route.to.length > 0 &&
                        !route.to.address.is_link_local() && !route.to.address.is_multicast();
    if (!usable || route.to.contains(server) || route.to.length + 7U > route.to.address.width()) {
      continue;
    }
    if (route.interface == seen.hop->interface) continue;
    return within(route.to);
  }
  return {};
}

bool Clients::is_virtual(const IpAddress& address) const {
  return std::any_of(wanted_.config.services.begin(), wanted_.config.services.end(),
                     [&address](const VirtualService& service) {
                       return !service.key.is_by_mark() && service.key.listen.address == address;
                     });
}

void Clients::choose_for_direct_answers(DestinationEvidence& seen) const {
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const IpAddress& server = seen.destination.endpoint.address;
  for (const Interface& interface : network_.interfaces()) {
    if (interface.loopback || !interface.mac || !interface.up) continue;
    if (interface.index == seen.hop->interface) continue;
    for (const InterfaceAddress& own : interface.addresses) {
      const Prefix network = Prefix::of(own.address, own.length);
      if (own.address.is_v4() != vip.is_v4() || own.length == own.address.width()) continue;
      if (own.address.is_link_local() || is_virtual(own.address) || network.contains(server)) {
        continue;
      }
      if (!network.contains(vip) && !seen.client.is_unspecified()) continue;
      seen.client = own.address;
      seen.client_is_near_vip = network.contains(vip);
      if (seen.client_is_near_vip) return;
    }
  }
  if (seen.client.is_unspecified() && vip.is_v4() == server.is_v4()) {
    seen.client = behind_director(seen);
  }
}

}  // namespace lvsd::doctor
