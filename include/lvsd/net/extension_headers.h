// SPDX-License-Identifier: GPL-2.0-or-later
// The extension headers of an IPv6 packet (RFC 8200 section 4), walked as the kernel does before it
// balances: hop-by-hop options, routing, destination options, fragment and authentication headers
// are stepped over; a later fragment ends the walk at what its fragment header names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lvsd/net/headers.h"

namespace lvsd {

struct HeaderChain {
  std::uint8_t protocol = 0;         // of what follows
  std::size_t end = 0;               // where it does, from the start of the bytes
  std::size_t unfragmentable = 0;    // the end of what every fragment repeats
  std::size_t fragment_header = 0;   // where it is; 0: none
  Ipv6FragmentHeader fragment = {};  // meaningful where there is one
  bool has_fragment() const { return fragment_header != 0; }
};

// Of the packet whose IPv6 header is at `offset`. Nothing where the bytes end within the chain. A
// chain of more headers than anybody needs is left unfinished: its protocol is that of an extension
// header, which nobody balances.
std::optional<HeaderChain> walk_extensions(std::span<const std::byte> bytes,
                                           std::size_t offset) noexcept;

}  // namespace lvsd
