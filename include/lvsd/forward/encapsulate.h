// SPDX-License-Identifier: GPL-2.0-or-later
// The outer headers of a tunnel, written in front of the packet where it lies (reference
// section 6.4): IPv4 or IPv6 outside, with UDP and GUE, GRE, or nothing between it and the inner
// packet, which is untouched; its TTL has been decremented before.
#pragma once

#include "lvsd/model/service.h"
#include "lvsd/net/address.h"
#include "lvsd/net/packet_buffer.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

struct OuterHeader {
  IpAddress source, destination;  // of one family
  bool dont_fragment = false;     // IPv4's
  std::uint16_t id = 0;           // IPv4's, where it may be fragmented; DF packets carry 0
  Port source_port = {};          // of GUE: the same for all packets of a connection
};

// The bytes that encapsulate() puts in front.
std::size_t tunnel_overhead(const Tunnel& tunnel, bool outer_v6);

// Inner DSCP with inner ECN, but CE becomes ECT(0) outside, as IPVS does: the tunnel's own
// congestion mark must not be confused with one from before it.
std::uint8_t outer_tos(std::uint8_t inner);

// False, and nothing changed, where the headroom is too small. `view` describes the inner packet as
// parsed; its TTL on the wire is one less by now.
bool encapsulate(PacketBuffer& packet, const PacketView& view, const Tunnel& tunnel,
                 const OuterHeader& outer);

// The same headers at the start of `head`, which goes on with the start of the inner packet; its
// rest is in `tail`.
void write_tunnel_headers(std::span<std::byte> head, std::span<const std::byte> tail,
                          const PacketView& view, const Tunnel& tunnel, const OuterHeader& outer);

// The source port of a connection's GUE packets: one of the kernel's range of ephemeral ports, by
// the connection's hash, so that links and queues are chosen by connection.
Port gue_source_port(std::uint64_t hash);

}  // namespace lvsd
