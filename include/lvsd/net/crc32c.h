// SPDX-License-Identifier: GPL-2.0-or-later
// CRC32c, the checksum of SCTP (RFC 9260 section 6.8 and appendix A): polynomial 0x1EDC6F41, bits
// reflected. Eight bytes per step from tables made at compile time (the "slicing" of M. Kounavis
// and F. Berry, 2005), about 1 ns per 2 bytes without any processor's own instruction: NAT that
// changes an SCTP port is the only user.
#pragma once

#include <cstdint>
#include <span>

#include "lvsd/net/wire.h"

namespace lvsd {

// Of `bytes` as they lie; test vector of RFC 3720 appendix B.4: 32 zero bytes give 0x8a9136aa.
std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

// Of an SCTP packet, from its common header on, as if its checksum field were zero, and as that
// field carries it: least significant byte first (RFC 9260 appendix A).
Be32 sctp_checksum(std::span<const std::byte> packet) noexcept;

}  // namespace lvsd
