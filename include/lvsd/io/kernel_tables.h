// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's tables as rtnetlink tells of them, and the Network that they make. Pure: what the
// socket brings is put in, and the answer says whether the picture changed and what must be dumped
// again.
//
// Links and neighbours, which may be thousands and change often, are followed message by message.
// For addresses, routes and rules a message only says that the table is stale: the kernel removes
// routes without a word (when a link goes down, or a next-hop object goes), replaces and appends
// among routes of one key, and promotes secondary addresses; dumping is cheaper than getting that
// wrong.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lvsd/io/rtnetlink.h"

namespace lvsd {

// One bit per table, so that several can be stale.
enum class KernelTable : std::uint8_t {
  links = 1,
  addresses = 2,
  routes = 4,
  rules = 8,
  neighbors = 16
};
using KernelTableSet = std::uint8_t;
constexpr KernelTableSet operator|(KernelTable a, KernelTable b) {
  return static_cast<KernelTableSet>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool contains(KernelTableSet set, KernelTable table) {
  return (set & static_cast<unsigned>(table)) != 0;
}

class KernelTables {
 public:
  KernelTables();
  // What a notification changed. `changed`: links or neighbours differ from before, as far as the
  // director can tell; a neighbour that goes from REACHABLE to STALE is the same neighbour.
  struct Effect {
    bool changed = false;
    KernelTableSet stale = 0;
  };
  Effect notice(const NetlinkValue& value);

  // Replaces one table by the messages of its dump; true where it differs from what was held.
  // Messages of other tables are passed over.
  bool replace(KernelTable table, const std::vector<NetlinkValue>& dump);

  std::shared_ptr<const Network> network() const;

 private:
  using NeighborKey = std::pair<InterfaceIndex, IpAddress>;
  Effect notice_link(const LinkMessage& message);
  bool notice_neighbor(const NeighborMessage& message);
  std::vector<RoutingRule> model_rules() const;

  std::map<InterfaceIndex, Interface> links_;
  std::map<InterfaceIndex, std::vector<InterfaceAddress>> addresses_;
  std::vector<Route> routes_;
  std::vector<RoutingRule> rules_;
  std::map<NeighborKey, Mac> neighbors_;
};

}  // namespace lvsd
