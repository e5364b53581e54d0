// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts a TCP packet, a super-packet or one that is merely too large, into segments as its sender
// would have made them (RFC 9293): each with a copy of the IP and TCP headers, the sequence number
// moved on, FIN and PSH on the last one only, CWR on the first only, IPv4 ids counting up,
// checksums finished. The payload stays where it is: a segment is a head in `memory` and a piece of
// `packet`.
#pragma once

#include <span>
#include <vector>

#include "lvsd/model/emission.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

struct Segment {
  std::span<std::byte> head;  // `room` bytes for what is to stand in front, IP and TCP header
  std::span<const std::byte> payload;
  std::size_t size() const { return head.size() + payload.size(); }
};

// `packet` is what `view` describes; `size` (bytes of payload per segment) is above 0. Appends
// nothing where there is no payload.
void cut_to_segments(std::span<const std::byte> packet, const PacketView& view, std::size_t size,
                     std::size_t room, Emissions& memory, std::vector<Segment>& segments);

}  // namespace lvsd
