// SPDX-License-Identifier: GPL-2.0-or-later
// TCP resets that the director makes (RFC 9293 section 3.10.7.1): the answer that its sender
// believes takes its sequence number from the segment's ACK, and the reset for the other end is
// the segment itself without what it carried, so that it comes with the number expected next.
#pragma once

#include "lvsd/model/emission.h"
#include "lvsd/net/packet_buffer.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

// From the segment's destination to its source, in `memory`. TTL 64, DF, no options.
std::span<std::byte> make_reset(Emissions& memory, std::span<const std::byte> segment,
                                const PacketView& view);

// Makes the segment, which is no fragment, a reset in its sender's name: IP header and ports stay,
// options and payload go. What was described by `view` is to be parsed anew.
void become_reset(PacketBuffer& segment, const PacketView& view);

}  // namespace lvsd
