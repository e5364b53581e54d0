// SPDX-License-Identifier: GPL-2.0-or-later
// VIPs on interfaces, and the gratuitous ARP that tells the network (design section 4, "Announce").
//
// A VIP goes on the interface whose network holds it, else on lo, or where the configuration says,
// as a /32. An address found at start is never removed: only what is recorded under the run
// directory as ours, by this process or by one that was killed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"
#include "lvsd/net/result.h"

namespace lvsd {

class Announcer {
 public:
  explicit Announcer(std::string run_dir);  // takes over what a killed predecessor recorded
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  // Makes the addresses that are ours equal to `vips`: adds (and announces) what is missing,
  // removes what is no longer wanted. Called at start, on reload, and when the network changed.
  Status sync(const std::vector<IpAddress>& vips, const Announce& announce, const Network& network);
  // Addresses of ours that were gone, by another hand, and that sync() has put back since this was
  // last asked.
  std::vector<IpAddress> take_restored();
  Status withdraw();  // removes all that are ours; before the capture rules go

  // Announces it again by that interface, where somebody else claimed it.
  void defend(const IpAddress& address, const Interface& interface);

  // One announcement may be lost, so RFC 5227 section 2.3 asks for more. The owner calls this about
  // once a second; it repeats what was announced lately, and otherwise does nothing.
  void repeat();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
