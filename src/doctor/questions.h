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

// Of a network, some that are likely to be free.
std::vector<IpAddress> last_addresses(const Prefix& network, const std::set<IpAddress>& taken);

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
  void collect_unused(const Evidence& evidence, const DestinationEvidence& seen);
  void send(const Evidence& evidence);
  void conclude(Evidence& evidence) const;
  void choose_neighbour(DestinationEvidence& seen) const;
  void find_owners(Evidence& evidence);

  const Network& network_;
  Wire& wire_;
  std::map<Key, std::set<Mac>> answers_;
  struct Unused {
    Prefix network;
    std::vector<IpAddress> candidates;  // addresses that may be free
  };
  std::map<IpAddress, Unused> unused_;  // by server
};

}  // namespace lvsd::doctor
