// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/realserver/own_address.h"

#include <algorithm>
#include <array>

namespace lvsd::realserver {
namespace {

// They hold virtual addresses.
constexpr std::array<std::string_view, 5> kTunnelDevices{kTunnelDevice, "tunl0", "sit0", "ip6tnl0",
                                                         "gre0"};

struct Candidate {
  const Interface* interface;
  InterfaceAddress own;
};
using Candidates = std::vector<Candidate>;

Candidates all_of(const Network& network, bool v4, const std::vector<IpAddress>& vips) {
  Candidates found;
  for (const Interface& interface : network.interfaces()) {
    if (interface.loopback || std::find(kTunnelDevices.begin(), kTunnelDevices.end(),
                                        interface.name) != kTunnelDevices.end()) {
      continue;
    }
    for (const InterfaceAddress& own : interface.addresses) {
      if (own.address.is_v4() != v4 || own.address.is_link_local()) continue;
      if (std::find(vips.begin(), vips.end(), own.address) != vips.end()) continue;
      found.push_back({&interface, own});
    }
  }
  return found;
}

template <class Test>
Candidates those(const Candidates& all, Test test) {
  Candidates found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found), test);
  return found;
}

// On one network with what packets come from; where no network is known, on the interface there.
Candidates towards(const Candidates& all, const NextHop& hop) {
  Candidates near = those(all, [&hop](const Candidate& one) {
    return one.own.length < one.own.address.width() &&
           Prefix::of(one.own.address, one.own.length).contains(hop.gateway);
  });
  if (!near.empty()) return near;
  return those(all, [&hop](const Candidate& one) { return one.interface->index == hop.interface; });
}

Unexpected<Error> ambiguous(const Candidates& candidates) {
  std::string names;
  for (const Candidate& one : candidates) {
    names +=
        (names.empty() ? "" : ", ") + to_string(one.own.address) + " (" + one.interface->name + ")";
  }
  return fail("which address of this host is the destination: " + names +
              "? Say so with --address");
}

}  // namespace

Result<IpAddress, Error> own_address(const Network& network, const Role& role,
                                     const std::vector<IpAddress>& directors,
                                     const std::vector<IpAddress>& vips) {
  bool v4 = role.vip.is_v4();
  const auto is_of_family = [&v4](const IpAddress& one) { return one.is_v4() == v4; };
  auto director = std::find_if(directors.begin(), directors.end(), is_of_family);
  if (director == directors.end() && !directors.empty() &&
      std::holds_alternative<Tunnel>(role.method)) {
    director = directors.begin();  // what is inside may be of the other version of IP
    v4 = director->is_v4();
  }
  const Candidates all = all_of(network, v4, vips);
  if (all.empty()) {
    return fail(std::string("this host has no IPv") + (v4 ? "4" : "6") +
                " address that could be the destination");
  }
  const bool by_address = std::holds_alternative<Masquerade>(role.method);
  const bool one_interface = std::all_of(all.begin(), all.end(), [&all](const Candidate& one) {
    return one.interface == all.front().interface;
  });
  if (all.size() == 1 || (one_interface && !by_address)) return all.front().own.address;
  const IpAddress outside = v4 ? IpAddress(192, 0, 2, 1) : *IpAddress::parse("2001:db8::1");
  const auto hop = network.route(director != directors.end() ? *director : outside);
  if (!hop || hop->kind != RouteKind::unicast) return ambiguous(all);
  const Candidates near = towards(all, *hop);
  if (near.empty()) return ambiguous(all);
  if (near.size() > 1 && by_address) return ambiguous(near);
  const bool by_source = std::any_of(near.begin(), near.end(), [&hop](const Candidate& one) {
    return one.own.address == hop->source;
  });
  return by_source ? hop->source : near.front().own.address;
}

}  // namespace lvsd::realserver
