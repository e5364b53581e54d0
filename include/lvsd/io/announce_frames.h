// SPDX-License-Identifier: GPL-2.0-or-later
// The Ethernet frames that tell a network where an address is now.
#pragma once

#include <vector>

#include "lvsd/net/address.h"

namespace lvsd {

// An ARP announcement for IPv4 (RFC 5227 section 2.3), an unsolicited neighbour advertisement that
// overrides for IPv6 (RFC 4861 section 7.2.6).
std::vector<std::byte> announcement_frame(const Mac& mac, const IpAddress& address);

}  // namespace lvsd
