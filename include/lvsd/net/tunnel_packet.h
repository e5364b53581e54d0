// SPDX-License-Identifier: GPL-2.0-or-later
// What is inside a packet of our tunnels.
#pragma once

#include <optional>
#include <span>

#include "lvsd/net/packet_view.h"

namespace lvsd {

// The packet inside a quoted tunnel packet (IPIP, GUE in UDP, GRE), as far as it is quoted; headers
// that the director does not write itself (reference 1.10 step 2) hold nothing of ours.
std::optional<QuotedPacket> parse_inside(std::span<const std::byte> bytes,
                                         const QuotedPacket& outer) noexcept;

}  // namespace lvsd
