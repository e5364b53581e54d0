// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/shared_load.h"

#include "lvsd/model/changes.h"

namespace lvsd {

std::size_t LoadKeyHash::operator()(const LoadKey& key) const {
  constexpr std::size_t kFactor = 0x9e3779b97f4a7c15U;
  const std::size_t endpoint = IpAddressHash{}(key.endpoint.address) + key.endpoint.port.host();
  return ServiceKeyHash{}(key.service) ^ (endpoint * kFactor);
}

void LoadBook::hand_out(Changes& changes) {
  // What no director holds any more.
  std::erase_if(all_, [](const auto& entry) { return entry.second.use_count() == 1; });
  auto loads = std::make_shared<Loads>();
  for (const VirtualService& service : changes.added) {
    for (const Destination& destination : service.destinations) {
      give(*loads, service.key, destination.endpoint);
    }
  }
  for (const ServiceChange& change : changes.changed) {
    for (const Endpoint& endpoint : change.added) give(*loads, change.next.key, endpoint);
  }
  changes.loads = std::move(loads);
}

void LoadBook::give(Loads& out, const ServiceKey& service, const Endpoint& endpoint) {
  std::shared_ptr<SharedLoad>& load = all_[{service, endpoint}];
  if (!load) load = std::make_shared<SharedLoad>();
  out[{service, endpoint}] = load;
}

}  // namespace lvsd
