// SPDX-License-Identifier: GPL-2.0-or-later
// What must hold for whatever bytes went into the parser: shared by unit tests and the fuzz target.
#pragma once

#include <span>
#include <string>

#include "lvsd/net/packet_view.h"

namespace lvsd::test {

// Empty, or which promise of packet_view.h a view of `bytes` breaks.
std::string broken_promise(std::span<const std::byte> bytes, const PacketView& view);
// The same for a packet that was found at `offset`.
std::string broken_promise(std::span<const std::byte> bytes, std::size_t offset,
                           const QuotedPacket& quoted);

}  // namespace lvsd::test
