// SPDX-License-Identifier: GPL-2.0-or-later
// ICMP errors that the director makes itself: fragmentation needed, time exceeded, port and host
// unreachable. Form as the kernel's (observed): TOS of the packet with precedence 6, TTL 64, no DF,
// at most 576 bytes in all (RFC 1812 section 4.3.2.3); in IPv6 traffic class 0, hop limit 64, at
// most 1280 bytes (RFC 4443 section 2.4).
#pragma once

#include <optional>

#include "lvsd/model/emission.h"
#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

// By ICMP's numbers; ICMPv6 has counterparts of all that the director says by itself.
struct IcmpError {
  std::uint8_t type = icmp::kDestinationUnreachable;
  std::uint8_t code = 0;
  std::uint32_t mtu = 0;     // of type 3 code 4
  std::uint8_t pointer = 0;  // of type 12: the byte that is wrong; IPv4 only
};

// Errors are never sent about errors, later fragments, or packets from or to addresses that name no
// single host (RFC 1122 section 3.2.2, RFC 4443 section 2.4).
bool may_answer(const PacketView& offending);

// The message from `source` to `destination`, in their family, quoting `offending` from its IP
// header on, in `memory`.
std::span<std::byte> make_icmp_error(Emissions& memory, const IcmpError& error,
                                     const IpAddress& source, const IpAddress& destination,
                                     std::span<const std::byte> offending, std::uint16_t id);

}  // namespace lvsd
