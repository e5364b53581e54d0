// SPDX-License-Identifier: GPL-2.0-or-later
// Which services' requests a chain surely drops: rule by rule, in order. A request that an earlier
// rule may have taken out of the chain, because it accepts it, jumps elsewhere, or is not
// understood, is not surely met by a later one: an ordinary firewall accepts what it knows and
// drops the rest at its end.
#pragma once

#include <set>

#include "lvsd/model/config.h"

namespace lvsd::doctor {

// What a match makes of a service's requests; in this order.
enum class Takes : std::uint8_t { no, maybe, yes };
constexpr Takes certain(bool takes) { return takes ? Takes::yes : Takes::no; }
constexpr Takes opposite(Takes takes) {
  if (takes == Takes::maybe) return takes;
  return certain(takes == Takes::no);
}
// Of connection tracking's states, a request has one of these two.
constexpr Takes takes_state(Takes is_new, Takes untracked) {
  return is_new == untracked ? is_new : Takes::maybe;
}

enum class Fate : std::uint8_t { goes_on, may_leave, dropped };

class ChainWalk {
 public:
  // The first service whose requests the next rule surely drops; null: none's.
  template <typename Serves, typename FateOf>
  const VirtualService* meet(const Config& config, const Serves& serves, const FateOf& fate_of) {
    const VirtualService* dropped = nullptr;
    for (const VirtualService& service : config.services) {
      if (service.key.is_by_mark() || !serves(service) || left_.contains(&service)) continue;
      const Fate fate = fate_of(service);
      if (fate == Fate::may_leave) left_.insert(&service);
      if (fate == Fate::dropped && dropped == nullptr) dropped = &service;
    }
    return dropped;
  }

 private:
  std::set<const VirtualService*> left_;
};

}  // namespace lvsd::doctor
