// SPDX-License-Identifier: GPL-2.0-or-later
// What the director decides for SCTP otherwise than for TCP and UDP (reference 1.4, 2.7, 6.5), and
// the connection that IPsec packets follow (3.4).
#pragma once

#include "lvsd/director/connection_table.h"

namespace lvsd {

bool may_schedule_sctp(const PacketView& view, bool sloppy);
// Too short to tell whether it may be scheduled: the kernel drops it where nothing is known of it.
bool lacks_chunk(const PacketView& view);
bool sctp_is_closed(const Connection& connection);
// The checksum covers the datagram, of which this is the first fragment, and the port in it would
// change: no right checksum can be had.
bool no_whole_checksum(const PacketView& view, const Connection& connection);

// AH and ESP have no connections of their own: they go where the key exchange between the same two
// hosts goes, UDP from port 500 to port 500, in either direction.
inline bool follows_key_exchange(const Tuple& tuple) {
  return tuple.protocol == static_cast<std::uint8_t>(IpProtocol::ah) ||
         tuple.protocol == static_cast<std::uint8_t>(IpProtocol::esp);
}
Tuple connection_tuple(const Tuple& tuple);  // the one to look up for a packet

}  // namespace lvsd
