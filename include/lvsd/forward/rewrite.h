// SPDX-License-Identifier: GPL-2.0-or-later
// What NAT changes in a packet, and the TTL that every method decrements. All work in place on
// bytes that a PacketView describes, and keep checksums right by RFC 1624: a checksum that arrived
// wrong leaves equally wrong (reference section 6.5), so that errors are never hidden.
#pragma once

#include <span>

#include "lvsd/model/service.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

// IPv4 TTL - 1 with its header checksum, or IPv6 hop limit - 1. The caller has seen that it is
// above 1.
void decrement_ttl(std::span<std::byte> packet, const PacketView& view);

// The address that comes in is of the packet's family.
// Request: destination V:vport -> D:dport. Reply: source D:dport -> V:vport. A UDP checksum of 0 is
// replaced by a real one, as the kernel does, but in a first fragment, whose rest is not here; for
// the same reason, no first fragment of SCTP may come here to have its port changed.
void rewrite_destination(std::span<std::byte> packet, const PacketView& view, const Endpoint& to);
void rewrite_source(std::span<std::byte> packet, const PacketView& view, const Endpoint& to);

// The checksum of a TCP packet as a device finishes it: the sum of the pseudo header, by the
// addresses that are in the packet now; and finished.
void begin_tcp_checksum(std::span<std::byte> packet, const PacketView& view);
void finish_tcp_checksum(std::span<std::byte> packet, const PacketView& view);

// ICMP errors (reference section 1.12). Client side to real server: outer destination, quoted
// source. Server side to client: outer source, quoted destination. The quoted layer-4 checksum
// stays as it is; the ICMP checksum is recomputed.
void rewrite_icmp_request(std::span<std::byte> packet, const PacketView& view, const Endpoint& to);
void rewrite_icmp_reply(std::span<std::byte> packet, const PacketView& view, const Endpoint& to);

// Whether the ICMP message's own checksum is right.
bool icmp_checksum_ok(std::span<const std::byte> packet, const PacketView& view);

}  // namespace lvsd
