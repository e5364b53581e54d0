// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/decapsulate.h"

#include <algorithm>

#include "lvsd/net/checksum.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::decap {
namespace {

constexpr std::uint8_t number(IpProtocol protocol) { return static_cast<std::uint8_t>(protocol); }

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

std::optional<std::span<const std::byte>> whole_ipv6(std::span<const std::byte> bytes) {
  const auto header = load<Ipv6Header>(bytes);
  if (!header || header->version() != 6) return std::nullopt;
  const std::size_t payload = header->payload_length.host();
  if (payload > bytes.size() - sizeof(Ipv6Header)) return std::nullopt;
  return bytes.first(sizeof(Ipv6Header) + payload);
}

struct Found {  // the inner packet's header, as far as it is looked at
  std::span<const std::byte> packet;
  IpAddress source, destination;
  std::uint8_t protocol = 0;
  std::size_t transport = 0;
  bool fragment = false;
};

std::optional<Found> find_inner(std::span<const std::byte> bytes, bool v6) {
  if (v6) {
    const auto packet = whole_ipv6(bytes);
    if (!packet) return std::nullopt;
    const auto ip = *load<Ipv6Header>(*packet);
    return Found{*packet, ip.source, ip.destination, ip.next_header, sizeof(Ipv6Header)};
  }
  const auto packet = whole_ipv4(bytes);
  if (!packet) return std::nullopt;
  const auto ip = *load<Ipv4Header>(*packet);
  return Found{*packet,     ip.source,          ip.destination,
               ip.protocol, ip.header_length(), ip.more_fragments() || ip.fragment_offset() != 0};
}

std::optional<UnfinishedChecksum> find_unfinished(const Found& inner) {
  if (inner.fragment) return std::nullopt;
  const bool tcp = inner.protocol == number(IpProtocol::tcp);
  const bool udp = inner.protocol == number(IpProtocol::udp);
  if (!tcp && !udp) return std::nullopt;
  const std::size_t start = inner.transport;
  const std::size_t offset = tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum);
  const auto checksum = load<Be16>(inner.packet, start + offset);
  if (!checksum) return std::nullopt;
  ChecksumSum pseudo;
  pseudo.add_pseudo(inner.source, inner.destination, inner.protocol, inner.packet.size() - start);
  const auto sum = static_cast<std::uint16_t>(~pseudo.finish().host());
  if (checksum->host() != sum) return std::nullopt;
  return UnfinishedChecksum{static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(offset)};
}

struct Unwrapped {
  std::span<const std::byte> bytes;
  bool v6 = false;
};

// RFC 2784: a checksum, which is followed by a reserved word, is skipped: the inner packet has its
// own. Keys and sequence numbers (RFC 2890) are not ours.
std::optional<Unwrapped> unwrap_gre(std::span<const std::byte> bytes) {
  const auto header = load<GreHeader>(bytes);
  if (!header) return std::nullopt;
  const unsigned flags = header->flags_version.host();
  const std::uint16_t type = header->protocol.host();
  if ((flags & ~unsigned{GreHeader::kChecksumPresent}) != 0) return std::nullopt;
  if (type != ethertype::kIpv4 && type != ethertype::kIpv6) return std::nullopt;
  const std::size_t length = sizeof(GreHeader) + (flags != 0 ? sizeof(GreChecksum) : 0);
  if (bytes.size() < length) return std::nullopt;
  return Unwrapped{bytes.subspan(length), type == ethertype::kIpv6};
}

// Version 0 (draft-ietf-intarea-gue section 3.1), data, with optional fields that are passed over.
std::optional<Unwrapped> unwrap_gue(std::span<const std::byte> bytes) {
  constexpr unsigned kVersionControl = 0xe0, kWords = 0x1f;
  const auto header = load<GueHeader>(bytes);
  if (!header || (header->version_length & kVersionControl) != 0) return std::nullopt;
  const std::size_t length = sizeof(GueHeader) + std::size_t{header->version_length & kWords} * 4;
  const bool v6 = header->protocol == number(IpProtocol::ipv6);
  if (bytes.size() < length || (!v6 && header->protocol != number(IpProtocol::ipip))) {
    return std::nullopt;
  }
  return Unwrapped{bytes.subspan(length), v6};
}

std::optional<Unwrapped> unwrap(const Arrival& arrival) {
  switch (arrival.protocol) {
    case IpProtocol::ipip:
      return Unwrapped{arrival.payload, false};
    case IpProtocol::ipv6:
      return Unwrapped{arrival.payload, true};
    case IpProtocol::gre:
      return unwrap_gre(arrival.payload);
    case IpProtocol::udp:
      return unwrap_gue(arrival.payload);
    case IpProtocol::icmp:
    case IpProtocol::tcp:
    case IpProtocol::esp:
    case IpProtocol::ah:
    case IpProtocol::icmpv6:
    case IpProtocol::sctp:
      break;
  }
  return std::nullopt;
}

// The outer packet's start as it was on the wire, as far as anybody will match it.
std::vector<std::byte> quotation(const Arrival& arrival) {
  constexpr std::size_t kQuoted = 64;  // of the payload: the inner ports are among them
  const std::size_t udp = arrival.protocol == IpProtocol::udp ? sizeof(UdpHeader) : 0;
  const std::size_t ip = arrival.source.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  const std::size_t quoted = std::min(kQuoted, arrival.payload.size());
  std::vector<std::byte> bytes(ip + udp + quoted);
  const auto length = static_cast<std::uint16_t>(udp + arrival.payload.size());
  if (arrival.source.is_v4()) {
    Ipv4Header header;
    header.total_length = Be16(static_cast<std::uint16_t>(length + sizeof(header)));
    header.ttl = 1;
    header.protocol = number(arrival.protocol);
    header.source = arrival.source.v4();
    header.destination = arrival.destination.v4();
    finish_checksum(header);
    store(std::span(bytes), header);
  } else {
    Ipv6Header header;
    header.payload_length = Be16(length);
    header.next_header = number(arrival.protocol);
    header.source = arrival.source;
    header.destination = arrival.destination;
    store(std::span(bytes), header);
  }
  if (udp != 0) {
    store(std::span(bytes),
          UdpHeader{arrival.source_port.wire(), arrival.port.wire(), Be16(length), Be16()}, ip);
  }
  std::copy_n(arrival.payload.begin(), quoted, bytes.begin() + std::ptrdiff_t(ip + udp));
  return bytes;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed_outer:
      return "malformed-outer";
    case Refusal::untrusted:
      return "untrusted";
    case Refusal::foreign:
      return "foreign";
    case Refusal::malformed_inner:
      return "malformed-inner";
    case Refusal::not_ours:
      return "not-ours";
  }
  return "";
}

Result<Arrival, Refusal> arrival_of(std::span<const std::byte> outer) {
  const auto packet = whole_ipv4(outer);
  if (!packet) return Unexpected{Refusal::malformed_outer};
  const auto header = *load<Ipv4Header>(*packet);
  if (header.more_fragments() || header.fragment_offset() != 0) {
    return Unexpected{Refusal::malformed_outer};
  }
  return Arrival{header.source, header.destination, static_cast<IpProtocol>(header.protocol),
                 packet->subspan(header.header_length())};
}

Result<Inner, Refusal> decapsulate(const Arrival& arrival, const Trust& trust) {
  const auto is_sender = [&](const Prefix& prefix) { return prefix.contains(arrival.source); };
  const bool trusted = std::any_of(trust.directors.begin(), trust.directors.end(), is_sender);
  const auto refused = [trusted](Refusal refusal) {
    return Unexpected{trusted ? refusal : Refusal::foreign};
  };
  const auto unwrapped = unwrap(arrival);
  if (!unwrapped) return refused(Refusal::malformed_outer);
  const auto inner = find_inner(unwrapped->bytes, unwrapped->v6);
  if (!inner) return refused(Refusal::malformed_inner);
  if (std::find(trust.vips.begin(), trust.vips.end(), inner->destination) == trust.vips.end()) {
    return refused(Refusal::not_ours);
  }
  if (!trusted) return Unexpected{Refusal::untrusted};
  return Inner{inner->packet, find_unfinished(*inner)};
}

std::vector<std::byte> refusal_answer(const Arrival& arrival, Refusal refusal) {
  if (refusal != Refusal::untrusted && refusal != Refusal::not_ours) return {};
  constexpr std::uint8_t kProhibited4 = 13, kProhibited6 = 1;
  const bool v4 = arrival.source.is_v4(), stranger = refusal == Refusal::untrusted;
  IcmpHeader header;
  header.type = v4 ? icmp::kDestinationUnreachable : icmpv6::kDestinationUnreachable;
  if (v4) header.code = stranger ? kProhibited4 : icmp::kHostUnreachable;
  if (!v4) header.code = stranger ? kProhibited6 : icmpv6::kAddressUnreachable;
  std::vector<std::byte> bytes = quotation(arrival);
  bytes.insert(bytes.begin(), sizeof(header), std::byte{});
  store(std::span(bytes), header);
  if (!v4) return bytes;
  header.checksum = internet_checksum(bytes);
  store(std::span(bytes), header);
  return bytes;
}

}  // namespace lvsd::decap
