// SPDX-License-Identifier: GPL-2.0-or-later
// A datagram as if from rtnetlink, through the parser into the tables, and a Network of them. The
// first byte says whether the messages come as notifications or as a dump.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lvsd/io/kernel_tables.h"
#include "lvsd/io/rtnetlink.h"
#include "lvsd/net/result.h"

namespace {

void look_up(const lvsd::Network& network, const std::vector<lvsd::NetlinkValue>& values) {
  for (const lvsd::NetlinkValue& value : values) {
    if (const auto* route = std::get_if<lvsd::RouteMessage>(&value)) {
      static_cast<void>(network.route(route->route.to.address));
    }
    if (const auto* neighbor = std::get_if<lvsd::NeighborMessage>(&value)) {
      const lvsd::Neighbor& key = neighbor->neighbor;
      const bool held = network.neighbor(key.interface, key.address).has_value();
      // What was said last of a neighbour is what is held, when nothing else was said.
      LVSD_ASSERT(values.size() != 1 || held == neighbor->known);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<lvsd::NetlinkValue> values;
  lvsd::NetlinkReader reader(std::as_bytes(std::span(data + 1, size - 1)));
  while (const auto message = reader.next()) {
    if (const auto value = lvsd::parse_netlink(*message)) values.push_back(*value);
  }
  using lvsd::KernelTable;
  lvsd::KernelTables tables;
  if (data[0] % 2 == 0) {
    for (const lvsd::NetlinkValue& value : values) tables.notice(value);
  } else {
    for (const KernelTable table : {KernelTable::links, KernelTable::addresses, KernelTable::routes,
                                    KernelTable::rules, KernelTable::neighbors}) {
      tables.replace(table, values);
      LVSD_ASSERT(!tables.replace(table, values));
    }
  }
  look_up(*tables.network(), values);
  return 0;
}
