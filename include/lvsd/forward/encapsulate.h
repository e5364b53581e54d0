// SPDX-License-Identifier: GPL-2.0-or-later
// The outer header of a tunnel, written in front of the packet where it lies (reference
// section 6.4). The inner packet is untouched; its TTL has been decremented before.
#pragma once

#include "lvsd/net/address.h"
#include "lvsd/net/packet_buffer.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

inline constexpr std::size_t kIpipOverhead = 20;

struct OuterHeader {
  Ipv4Address source, destination;
  std::uint16_t id = 0;  // used where the inner packet may be fragmented; DF packets carry 0
};

// Inner DSCP with inner ECN, but CE becomes ECT(0) outside, as IPVS does: the tunnel's own
// congestion mark must not be confused with one from before it.
std::uint8_t outer_tos(std::uint8_t inner);

// False, and nothing changed, where the headroom is too small. `view` describes the inner packet as
// parsed; its TTL on the wire is one less by now.
bool encapsulate_ipip(PacketBuffer& packet, const PacketView& view, const OuterHeader& outer);

}  // namespace lvsd
