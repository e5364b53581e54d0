// SPDX-License-Identifier: GPL-2.0-or-later
// The decisions of the announcer as functions without effects: where a VIP belongs, and what the
// record of our own addresses says.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"
#include "lvsd/net/result.h"

namespace lvsd {

// An address of ours and the name of the interface it was put on. Names, because the record
// outlives interfaces and their indexes.
struct OwnAddress {
  IpAddress address;
  std::string interface;
  friend auto operator<=>(const OwnAddress&, const OwnAddress&) = default;
};

// One address per line, "ADDRESS INTERFACE". Lines that say anything else are passed over: the file
// is ours, but a record must never keep the director from starting.
std::vector<OwnAddress> parse_record(std::string_view text);
std::string format_record(const std::vector<OwnAddress>& own);

// The interface of the longest network that holds `vip` (an address that is the whole of its prefix
// tells of no network), else lo, or what the configuration says.
Result<const Interface*, Error> choose_interface(const IpAddress& vip, const Announce& announce,
                                                 const Network& network);

}  // namespace lvsd
