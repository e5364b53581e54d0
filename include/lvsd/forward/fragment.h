// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts a packet to an MTU (RFC 791 section 3.2, RFC 8200 section 4.5). DF is not looked at: the
// caller has answered what it may not cut, and the kernel's output path ignores DF here as well
// (reference 6.1 step 5); pieces carry no DF. An IPv4 packet that is itself a fragment is cut
// further, keeping its place. Of IPv6 only packets that this host made or put together may be cut:
// tunnel packets, and datagrams that the kernel reassembled.
#pragma once

#include <span>
#include <vector>

#include "lvsd/model/emission.h"

namespace lvsd {

// The pieces, in order, in `memory`. Empty where the MTU cannot even hold the header and 8 bytes,
// or where an IPv6 packet is a fragment. `id` goes into the fragment headers of IPv6.
void cut_to_mtu(std::span<const std::byte> packet, std::size_t mtu, std::uint32_t id,
                Emissions& memory, std::vector<std::span<const std::byte>>& pieces);

}  // namespace lvsd
