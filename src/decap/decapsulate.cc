// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/decapsulate.h"

#include <algorithm>

#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace lvsd::decap {
namespace {

// The packet that starts at the front of `bytes`, cut to its own total length.
std::optional<std::span<const std::byte>> whole_ipv4(std::span<const std::byte> bytes) {
  const auto header = load<Ipv4Header>(bytes);
  if (!header || header->version() != 4) return std::nullopt;
  const std::size_t total = header->total_length.host();
  if (header->header_length() < sizeof(Ipv4Header) || header->header_length() > total ||
      total > bytes.size()) {
    return std::nullopt;
  }
  return bytes.first(total);
}

std::optional<UnfinishedChecksum> find_unfinished(std::span<const std::byte> packet,
                                                  const Ipv4Header& ip) {
  if (ip.more_fragments() || ip.fragment_offset() != 0) return std::nullopt;
  const bool tcp = ip.protocol == static_cast<std::uint8_t>(IpProtocol::tcp);
  const bool udp = ip.protocol == static_cast<std::uint8_t>(IpProtocol::udp);
  if (!tcp && !udp) return std::nullopt;
  const std::size_t start = ip.header_length();
  const std::size_t offset = tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  const auto checksum = load<Be16>(packet, start + offset);
  if (!checksum) return std::nullopt;
  ChecksumSum pseudo;
  pseudo.add_pseudo(ip.source, ip.destination, ip.protocol, packet.size() - start);
  const auto sum = static_cast<std::uint16_t>(~pseudo.finish().host());
  if (checksum->host() != sum) return std::nullopt;
  return UnfinishedChecksum{static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(offset)};
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed_outer:
      return "malformed-outer";
    case Refusal::untrusted:
      return "untrusted";
    case Refusal::malformed_inner:
      return "malformed-inner";
  }
  return "";
}

Result<Inner, Refusal> decapsulate(std::span<const std::byte> outer,
                                   std::span<const Prefix> trusted) {
  const auto packet = whole_ipv4(outer);
  if (!packet) return Unexpected{Refusal::malformed_outer};
  const auto header = *load<Ipv4Header>(*packet);
  if (header.protocol != static_cast<std::uint8_t>(IpProtocol::ipip) || header.more_fragments() ||
      header.fragment_offset() != 0) {
    return Unexpected{Refusal::malformed_outer};
  }
  const auto is_sender = [&](const Prefix& prefix) { return prefix.contains(header.source); };
  if (std::none_of(trusted.begin(), trusted.end(), is_sender)) {
    return Unexpected{Refusal::untrusted};
  }
  const auto inner = whole_ipv4(packet->subspan(header.header_length()));
  if (!inner) return Unexpected{Refusal::malformed_inner};
  return Inner{*inner, find_unfinished(*inner, *load<Ipv4Header>(*inner))};
}

}  // namespace lvsd::decap
