// SPDX-License-Identifier: GPL-2.0-or-later
// As whom the doctor asks.
#pragma once

#include "lvsd/doctor/evidence.h"
#include "lvsd/doctor/examine.h"

namespace lvsd::doctor {

class Clients {
 public:
  Clients(const Network& network, const Examination& wanted) : network_(network), wanted_(wanted) {}

  // An address of this host's to ask with, as lvsd's own packets have it, in the asked family.
  IpAddress own(const DestinationEvidence& seen, bool v4) const;
  // A client of NAT: a source whose answers have to come back through this host. One from outside,
  // where there is a way outside, else one of another network that this host knows.
  IpAddress behind_director(const DestinationEvidence& seen) const;
  // A client of the other methods, whose answers take the server's own way. Where an address of
  // this host on another network than the server's will do, they come here in the end.
  void choose_for_direct_answers(DestinationEvidence& seen) const;

 private:
  bool is_virtual(const IpAddress& address) const;
  const Network& network_;
  const Examination& wanted_;
};

// Whether the virtual address is on the server's network, so that clients are there, too.
bool on_one_network(const DestinationEvidence& seen);

}  // namespace lvsd::doctor
