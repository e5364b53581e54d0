// SPDX-License-Identifier: GPL-2.0-or-later
// The network of directors' tests, with IPv6 beside IPv4: clients are in fd00:c::/64.
#pragma once

#include "support/director_fixture.h"

namespace lvsd::test {

inline Network::Parts both_families() {
  Network::Parts parts = director_network();
  parts.interfaces[0].addresses.push_back({address("fd00:1::1"), 64});
  parts.interfaces[1].addresses.push_back({address("fd00:2::1"), 64});
  Route clients;
  clients.to = *Prefix::parse("fd00:c::/64");
  clients.via = address("fd00:1::2");
  clients.interface = InterfaceIndex{1};
  parts.routes.push_back(clients);
  parts.neighbors.push_back({address("fd00:1::2"), InterfaceIndex{1}, mac_of("10.0.1.2")});
  parts.neighbors.push_back({address("fd00:2::11"), InterfaceIndex{2}, mac_of("10.0.2.11")});
  return parts;
}

}  // namespace lvsd::test
