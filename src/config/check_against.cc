// SPDX-License-Identifier: GPL-2.0-or-later
// What a configuration needs of the network and does not find there. Warnings, each with what was
// found as evidence: networks change while a file stays, and a file must check the same everywhere.
#include <unordered_set>

#include "lvsd/config/load.h"
#include "lvsd/config/report.h"

namespace lvsd {
namespace {

std::string interface_name(const Network& network, InterfaceIndex index) {
  const Interface* interface = network.interface(index);
  return interface == nullptr ? "an unknown interface" : interface->name;
}

class NetworkCheck {
 public:
  NetworkCheck(const Config& config, const Network& network) : config_(config), network_(network) {}

  std::vector<Problem> run() {
    check_interface();
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      const VirtualService& service = config_.services[i];
      const std::string path = step("services", i);
      check_virtual_address(service, step(path, "listen"));
      check_hairpin(service, step(path, "hairpin"));
      for (std::size_t j = 0; j < service.destinations.size(); ++j) {
        const std::string below = step(step(step(path, "destinations"), j), "address");
        check_destination(service.destinations[j], below);
      }
    }
    return std::move(found_);
  }

 private:
  void warn(const std::string& path, std::string what, std::string remedy) {
    found_.push_back({0, 0, path, std::move(what), std::move(remedy)});
  }

  void check_interface() {
    const std::string& name = config_.announce.interface;
    if (!config_.announce.enabled || name.empty()) return;
    const Interface* interface = network_.interface(name);
    const std::string path = "director.announce.interface";
    if (interface == nullptr) {
      warn(path, "there is no interface " + quoted(name), "name one that the director has");
    } else if (!interface->up) {
      warn(path, "interface " + quoted(name) + " is down",
           "set it up, or announce on another interface");
    }
  }

  // One warning an address, though many services listen on it.
  void check_virtual_address(const VirtualService& service, const std::string& path) {
    const IpAddress& address = service.key.listen.address;
    if (config_.announce.enabled || !seen_.insert(address).second) return;
    if (network_.is_local(address)) return;
    warn(path,
         to_string(address) + " is on no interface of this host, and director.announce is false",
         "set 'announce: true', or put the address on an interface, or route it to this host");
  }

  void check_hairpin(const VirtualService& service, const std::string& path) {
    if (!service.hairpin || network_.is_local(*service.hairpin)) return;
    warn(path, to_string(*service.hairpin) + " is on no interface of this host",
         "write an address of this host that real servers reach; answers are sent to it");
  }

  void check_destination(const Destination& destination, const std::string& path) {
    const std::string shown = to_string(destination.endpoint.address);
    const std::optional<NextHop> hop = network_.route(destination.endpoint.address);
    if (!hop || hop->kind == RouteKind::unreachable) {
      const std::string why =
          hop ? "the route to " + shown + " is unreachable (or blackhole, prohibit)"
              : "there is no route to " + shown;
      warn(path, why, "add a route; until then its packets are dropped as no-route");
      return;
    }
    if (hop->kind == RouteKind::local) {
      warn(path, shown + " is an address of this host",
           "leave it out, unless the director is to serve as a real server itself");
      return;
    }
    if (hop->kind == RouteKind::unicast) check_link(destination, *hop, path);
    if (std::holds_alternative<DirectRouting>(destination.method)) {
      check_direct(destination.endpoint.address, *hop, path);
    }
  }

  void check_link(const Destination& destination, const NextHop& hop, const std::string& path) {
    const Interface* interface = network_.interface(hop.interface);
    if (interface == nullptr || interface->up) return;
    warn(path,
         "the route to " + to_string(destination.endpoint.address) + " goes by " + interface->name +
             ", which is down",
         "set the interface up");
  }

  // Direct routing changes the MAC address alone: the next machine must be the real server.
  void check_direct(const IpAddress& address, const NextHop& hop, const std::string& path) {
    const std::string shown = to_string(address);
    const std::string remedy =
        "use 'method: tun' or 'method: nat', or attach this host to its network";
    if (hop.kind == RouteKind::kernel) {
      warn(path, shown + " is reached by a route that only the kernel can follow", remedy);
      return;
    }
    const std::string device = interface_name(network_, hop.interface);
    if (hop.gateway != address) {
      warn(path,
           "method dr needs " + shown + " on a network of this host, but it is behind " +
               to_string(hop.gateway) + " on " + device,
           remedy);
      return;
    }
    const Interface* interface = network_.interface(hop.interface);
    if (interface != nullptr && !interface->mac) {
      warn(path, "method dr needs link-layer addresses, and " + device + " has none", remedy);
    }
  }

  const Config& config_;
  const Network& network_;
  std::vector<Problem> found_;
  std::unordered_set<IpAddress, IpAddressHash> seen_;
};

}  // namespace

std::vector<Problem> check_against(const Config& config, const Network& network) {
  return NetworkCheck(config, network).run();
}

}  // namespace lvsd
