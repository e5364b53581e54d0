// SPDX-License-Identifier: GPL-2.0-or-later
// An address of this host with all that `ip addr add` can give back, for `undo`: the model of the
// network knows no more of one than routing needs. Read from `ip -j -d addr show`.
//
// A lifetime counts from now: one that is given back later has what is left of it at the time when
// it was taken away, so that an address never comes back dead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/net/address.h"
#include "lvsd/net/result.h"

namespace lvsd::realserver {

struct HeldAddress {
  std::string device;
  IpAddress address;
  std::uint8_t length = 0;
  unsigned scope = 0;      // as the kernel counts: 0 is global, a smaller range has a larger one
  bool secondary = false;  // IPv4: of a network that another address was there for before it
  bool limited = false;    // it has a lifetime
  bool temporary = false;  // of IPv6's privacy extensions, which alone can make one
  std::vector<std::string> name;  // how ip(8) finds it: ADDRESS/LENGTH, or ADDRESS peer PEER/LENGTH
  std::vector<std::string> rest;  // what else it has to be told to make the same one
};

// In the kernel's order.
Result<std::vector<HeldAddress>, Error> parse_addresses(std::string_view text);

// Those that would be on the wrong side of `one` if it were taken away and given back: the kernel
// puts a new address of IPv4 behind all primary ones whose scope is not wider, and one of IPv6 in
// front of all of its scope (__inet_insert_ifa and ipv6_link_dev_addr of Linux 6.18).
std::vector<HeldAddress> overtaken_by(const std::vector<HeldAddress>& all, const HeldAddress& one);

}  // namespace lvsd::realserver
