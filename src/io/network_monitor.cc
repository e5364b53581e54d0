// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/network_monitor.h"

#include <linux/rtnetlink.h>

#include <cerrno>
#include <system_error>

#include "lvsd/io/kernel_tables.h"
#include "lvsd/io/netlink_socket.h"

namespace lvsd {
namespace {

// A notification of a neighbour takes about 1 KiB of kernel memory: room for thousands in a burst.
constexpr int kReceiveBuffer = 4 << 20;
// Datagrams taken per call, so that a flood cannot keep the caller here.
constexpr int kTurn = 8192;
constexpr KernelTable kTables[] = {KernelTable::links, KernelTable::addresses, KernelTable::routes,
                                   KernelTable::rules, KernelTable::neighbors};
constexpr KernelTableSet kAllTables = 31;

}  // namespace

struct NetworkMonitor::State {
  NetlinkSocket events, requests;
  KernelTables tables;
  KernelTableSet stale = kAllTables;
  std::vector<std::byte> datagram;
  std::shared_ptr<const Network> network;

  bool take_notifications(bool& drained);
  bool dump_stale(int& error);
};

// True where links or neighbours changed. `drained`: nothing is left waiting.
bool NetworkMonitor::State::take_notifications(bool& drained) {
  bool changed = false;
  drained = false;
  for (int i = 0; i < kTurn; ++i) {
    const NetlinkSocket::Receipt receipt = events.receive(datagram);
    if (receipt == NetlinkSocket::Receipt::nothing) {
      drained = true;
      break;
    }
    if (receipt == NetlinkSocket::Receipt::overrun) {
      stale = kAllTables;
      continue;
    }
    NetlinkReader reader(datagram);
    while (const std::optional<NetlinkMessage> message = reader.next()) {
      const std::optional<NetlinkValue> value = parse_netlink(*message);
      if (!value) continue;
      const KernelTables::Effect effect = tables.notice(*value);
      changed |= effect.changed;
      stale = static_cast<KernelTableSet>(stale | effect.stale);
    }
  }
  return changed;
}

// Dumps what is stale; what fails stays stale.
bool NetworkMonitor::State::dump_stale(int& error) {
  bool changed = false;
  std::vector<NetlinkValue> dump;
  for (const KernelTable table : kTables) {
    if (!contains(stale, table)) continue;
    int failed = requests.dump(table, dump);
    if (failed == 0) {
      changed |= tables.replace(table, dump);
    } else if (table == KernelTable::rules && failed == EOPNOTSUPP) {
      failed = 0;  // no policy routing in this kernel
    }
    if (failed == 0) {
      stale = static_cast<KernelTableSet>(stale & ~static_cast<unsigned>(table));
    } else {
      error = failed;
    }
  }
  return changed;
}

NetworkMonitor::NetworkMonitor() : state_(std::make_unique<State>()) {
  state_->events.enlarge_receive_buffer(kReceiveBuffer);
  for (const int group : {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE}) {
    if (!state_->events.join(group)) {
      throw std::system_error(errno, std::generic_category(), "rtnetlink: subscribe");
    }
  }
  for (const int group : {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
                          RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP}) {
    state_->events.join(group);  // refused only by kernels without the thing to be told of
  }
  int error = 0;
  state_->dump_stale(error);
  if (error != 0) throw std::system_error(error, std::generic_category(), "rtnetlink: dump");
  state_->network = state_->tables.network();
}

NetworkMonitor::~NetworkMonitor() = default;

int NetworkMonitor::fd() const { return state_->events.fd(); }

bool NetworkMonitor::process() {
  // A dump is newer than everything that waited when it began, so all of that goes first: after an
  // overrun a change that we still have may have been undone by one that was thrown away.
  bool drained = false;
  bool changed = state_->take_notifications(drained);
  int error = 0;
  if (drained) changed |= state_->dump_stale(error);
  if (changed) state_->network = state_->tables.network();
  return changed;
}

std::shared_ptr<const Network> NetworkMonitor::network() const { return state_->network; }

}  // namespace lvsd
