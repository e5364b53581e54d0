// SPDX-License-Identifier: GPL-2.0-or-later
// Asks ARP and neighbour discovery: who has the virtual addresses, who is the next hop of each
// destination, and which address of a server's network nobody has. All answers count, so the whole
// time is waited.
#pragma once

#include <map>
#include <set>

#include "lvsd/doctor/evidence.h"
#include "wire.h"

namespace lvsd::doctor {

// An own address of that interface and family to ask or speak with; a virtual one is none.
IpAddress address_on(const Interface& interface, const IpAddress& about, const Evidence& evidence);

class Questions {
 public:
  Questions(const Network& network, Wire& wire) : network_(network), wire_(wire) {}
  void ask(Evidence& evidence);

 private:
  struct Key {
    InterfaceIndex interface;
    IpAddress about;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  void collect(const Evidence& evidence);
  void collect_unused(const DestinationEvidence& seen);
  void send(const Evidence& evidence);
  void conclude(Evidence& evidence) const;

  const Network& network_;
  Wire& wire_;
  std::map<Key, std::set<Mac>> answers_;
  std::map<IpAddress, std::vector<IpAddress>> unused_;  // by server: addresses that may be free
};

}  // namespace lvsd::doctor
