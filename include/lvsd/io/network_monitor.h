// SPDX-License-Identifier: GPL-2.0-or-later
// rtnetlink -> Network: links, addresses, routes, rules and neighbours, dumped once and then
// watched. The owner polls fd(); process() takes in what has come and says whether the picture
// changed. After an overrun (ENOBUFS) everything is dumped anew.
#pragma once

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

// Asks the kernel to resolve or re-check a neighbour; one per worker. The answer is a change that
// NetworkMonitor sees, or none.
//
// Neighbour requests wait for the kernel's RTNL lock, which others hold for as long as it takes to
// remove a network namespace. So the calls only put their wish into a bounded list (full:
// forgotten; the director asks again) and a thread of the prober's own carries it out.
//
// Both read the entry first: the kernel takes a request from user space as the administrator's
// word, and would turn a permanent entry into one that it probes (NUD_PROBE) or forgets (NTF_USE).
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
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
