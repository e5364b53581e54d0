// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/tunnel_packet.h"

namespace lvsd {
namespace {

bool is(const QuotedPacket& quoted, IpProtocol protocol) {
  return quoted.tuple.protocol == static_cast<std::uint8_t>(protocol);
}

}  // namespace

std::optional<QuotedPacket> parse_inside(std::span<const std::byte> bytes,
                                         const QuotedPacket& outer) noexcept {
  std::size_t at = outer.transport_offset;
  if (is(outer, IpProtocol::udp)) {
    constexpr std::uint8_t kVersionAndControl = 0xe0;
    const auto gue = load<GueHeader>(bytes, at + sizeof(UdpHeader));
    if (!gue || (gue->version_length & kVersionAndControl) != 0) return std::nullopt;
    at += sizeof(UdpHeader) + sizeof(GueHeader) + std::size_t{4} * gue->version_length;
  } else if (is(outer, IpProtocol::gre)) {
    const auto gre = load<GreHeader>(bytes, at);
    const unsigned flags = gre ? gre->flags_version.host() : 0xffffU;
    if ((flags & ~unsigned{GreHeader::kChecksumPresent}) != 0) return std::nullopt;
    at += sizeof(GreHeader) + (flags != 0 ? sizeof(GreChecksum) : 0);
  }
  return parse_quoted(bytes, at);
}

}  // namespace lvsd
