// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/retire.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "lvsd/model/overloaded.h"
#include "lvsd/model/service_index.h"

namespace lvsd {
namespace {

// How much is captured for a method, each including what the one before it has: requests; every
// ICMP error; replies. The weight plays no part.
int breadth(const ForwardingMethod& method) {
  return std::visit(
      Overloaded{[](const DirectRouting&) { return 0; }, [](const Tunnel&) { return 1; },
                 [](const Masquerade&) { return 2; }},
      method);
}

bool covers(const VirtualService& service, const Destination& wanted) {
  return std::any_of(service.destinations.begin(), service.destinations.end(), [&](const auto& d) {
    return d.endpoint == wanted.endpoint && breadth(d.method) >= breadth(wanted.method);
  });
}

bool knows(const VirtualService& service, const Endpoint& endpoint) {
  return std::any_of(service.destinations.begin(), service.destinations.end(),
                     [&](const auto& d) { return d.endpoint == endpoint; });
}

bool same_endpoints(const VirtualService& a, const VirtualService& b) {
  return std::ranges::equal(a.destinations, b.destinations, {}, &Destination::endpoint,
                            &Destination::endpoint);
}

// Of `next`, what needs more than is captured for the service now.
std::vector<Destination> coming(const VirtualService& captured, const VirtualService& next) {
  std::vector<Destination> result;
  if (captured.destinations == next.destinations) return result;
  std::map<Endpoint, int> there;
  for (const Destination& destination : captured.destinations) {
    int& most = there[destination.endpoint];
    most = std::max(most, breadth(destination.method));
  }
  for (const Destination& destination : next.destinations) {
    const int wanted = breadth(destination.method);
    const auto now = there.find(destination.endpoint);
    if (wanted > (now == there.end() ? 0 : now->second)) result.push_back(destination);
  }
  return result;
}

std::vector<Destination> among(const std::set<LiveDestination>& live,
                               const VirtualService& service) {
  std::vector<Destination> result;
  const auto first = live.lower_bound({service.key, Endpoint()});
  if (first == live.end() || first->service != service.key) return result;
  for (const Destination& destination : service.destinations) {
    if (live.contains({service.key, destination.endpoint})) result.push_back(destination);
  }
  return result;
}

}  // namespace

Live live_destinations(const std::vector<DirectorSnapshot>& workers) {
  Live live;
  for (const DirectorSnapshot& worker : workers) {
    for (const ServiceSnapshot& service : worker.services) {
      for (const DestinationSnapshot& destination : service.destinations) {
        const LiveDestination key{service.key, destination.config.endpoint};
        const bool udp = service.key.protocol == ServiceProtocol::udp;
        if (destination.active > 0 || destination.inactive > 0) live.any.insert(key);
        if (destination.active > 0 || (udp && destination.inactive > 0)) live.open.insert(key);
      }
    }
  }
  return live;
}

Config without_dead(const Config& captured, const Config& next, const Live& live) {
  ServiceIndex places(next.services);
  Config result = captured;
  std::erase_if(result.services, [&](const VirtualService& service) {
    return !places.contains(service.key) && among(live.any, service).empty();
  });
  return result;
}

Config with_retired(const Config& captured, const Config& next, const Live& live) {
  ServiceIndex places(next.services);
  Config result = next;
  for (const VirtualService& old : captured.services) {
    std::vector<Destination> alive = among(live.any, old);
    const auto place = places.find(old.key);
    if (!place) {
      if (alive.empty()) continue;
      VirtualService retired = old;
      retired.destinations = std::move(alive);
      result.services.push_back(std::move(retired));
      continue;
    }
    VirtualService& kept = result.services[*place];
    for (Destination& destination : alive) {
      if (covers(kept, destination)) continue;
      destination.weight = Weight(0);
      kept.destinations.push_back(destination);
    }
  }
  return result;
}

Config with_coming(const Config& captured, const Config& next) {
  ServiceIndex places(next.services);
  Config result = captured;
  for (VirtualService& service : result.services) {
    const auto place = places.find(service.key);
    if (!place) continue;
    std::ranges::copy(coming(service, next.services[*place]),
                      std::back_inserter(service.destinations));
  }
  return result;
}

bool has_coming(const Config& captured, const Config& next) {
  ServiceIndex places(next.services);
  return std::any_of(captured.services.begin(), captured.services.end(), [&](const auto& service) {
    const auto place = places.find(service.key);
    return place && !coming(service, next.services[*place]).empty();
  });
}

bool has_removed(const Config& captured, const Config& next) {
  ServiceIndex places(next.services);
  return std::any_of(captured.services.begin(), captured.services.end(),
                     [&](const auto& service) { return !places.contains(service.key); });
}

std::vector<ServiceKey> widened(const Config& captured, const Config& running) {
  ServiceIndex places(running.services);
  std::vector<ServiceKey> keys;
  for (const VirtualService& service : captured.services) {
    const auto place = places.find(service.key);
    if (place && service.destinations.size() == running.services[*place].destinations.size()) {
      continue;
    }
    keys.push_back(service.key);
  }
  return keys;
}

bool has_retired(const Config& captured, const Config& running) {
  ServiceIndex places(running.services);
  return std::any_of(captured.services.begin(), captured.services.end(), [&](const auto& service) {
    const auto place = places.find(service.key);
    if (!place) return true;
    const VirtualService& runs = running.services[*place];
    if (same_endpoints(service, runs)) return false;
    return std::any_of(service.destinations.begin(), service.destinations.end(),
                       [&](const Destination& d) { return !knows(runs, d.endpoint); });
  });
}

std::vector<IpAddress> announced(const Config& captured, const Config& next, const Live& live) {
  ServiceIndex places(next.services);
  std::vector<IpAddress> addresses;
  for (const VirtualService& service : captured.services) {
    if (service.key.listen.address.is_unspecified()) continue;  // a firewall mark has no address
    if (!places.contains(service.key) && among(live.open, service).empty()) continue;
    addresses.push_back(service.key.listen.address);
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace lvsd
