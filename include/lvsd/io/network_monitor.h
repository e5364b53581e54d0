// SPDX-License-Identifier: GPL-2.0-or-later
// rtnetlink -> Network: links, addresses, routes, rules and neighbours, dumped once and then
// watched. The owner polls fd(); process() takes in what has come and says whether the picture
// changed. After an overrun (ENOBUFS) everything is dumped anew.
#pragma once

#include <cstdint>
#include <memory>

#include "lvsd/model/network.h"

namespace lvsd {

class NetworkMonitor {
 public:
  NetworkMonitor();  // throws std::system_error
  ~NetworkMonitor();
  NetworkMonitor(const NetworkMonitor&) = delete;
  NetworkMonitor& operator=(const NetworkMonitor&) = delete;

  int fd() const;
  bool process();  // never blocks; true where network() is new
  std::shared_ptr<const Network> network() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Asks the kernel to resolve or re-check a neighbour; owns a netlink socket, so one per worker.
// Neither call blocks or reports: the answer is a change that NetworkMonitor sees, or none.
class NeighborProber {
 public:
  NeighborProber();  // throws std::system_error
  ~NeighborProber();
  NeighborProber(const NeighborProber&) = delete;
  NeighborProber& operator=(const NeighborProber&) = delete;

  void resolve(InterfaceIndex interface,
               const IpAddress& address);  // as if the kernel had a packet
  void refresh(InterfaceIndex interface, const IpAddress& address);  // NUD_PROBE: unicast ARP now

 private:
  int fd_ = -1;
  std::uint32_t sequence_ = 0;
};

}  // namespace lvsd
