// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts an IPv4 packet to an MTU (RFC 791 section 3.2). DF is not looked at: the caller has answered
// what it may not cut, and the kernel's output path ignores DF here as well (reference 6.1 step 5);
// pieces carry no DF.
// A packet that is itself a fragment is cut further, keeping its place.
#pragma once

#include <span>
#include <vector>

#include "lvsd/model/emission.h"

namespace lvsd {

// The pieces, in order, in `memory`. Empty where the MTU cannot even hold the header and 8 bytes.
void cut_to_mtu(std::span<const std::byte> packet, std::size_t mtu, Emissions& memory,
                std::vector<std::span<const std::byte>>& pieces);

}  // namespace lvsd
