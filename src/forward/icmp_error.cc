// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/icmp_error.h"

#include <algorithm>
#include <cstring>

#include "lvsd/net/checksum.h"

namespace lvsd {
namespace {

constexpr std::size_t kLargestError = 576, kLargestErrorV6 = 1280;
constexpr std::uint8_t kInternetControl = 0xc0;  // the precedence, RFC 1812 section 4.3.2.5
constexpr std::uint8_t kTypeOfService = 0x1e;    // RFC 1349, which the kernel goes by here
constexpr std::uint8_t kTtl = 64;

// The type of service of the packet that is answered, and our precedence.
std::uint8_t tos_of_error(std::span<const std::byte> offending) {
  const auto ip = lvsd::load<Ipv4Header>(offending);
  const unsigned tos = ip ? ip->tos & kTypeOfService : 0U;
  return static_cast<std::uint8_t>(tos | kInternetControl);
}

IcmpHeader header_v4(const IcmpError& error) {
  IcmpHeader header;
  header.type = error.type;
  header.code = error.code;
  header.next_hop_mtu = Be16(static_cast<std::uint16_t>(std::min(error.mtu, 0xffffU)));
  header.unused = Be16(static_cast<std::uint16_t>(error.pointer << 8U));
  return header;
}

// What no route and no neighbour are in ICMP is "address unreachable" here, as the kernel says it.
IcmpHeader header_v6(const IcmpError& error) {
  IcmpHeader header;
  if (error.type == icmp::kTimeExceeded) {
    header.type = icmpv6::kTimeExceeded;
    header.code = error.code;
  } else if (error.code == icmp::kFragmentationNeeded) {
    header.type = icmpv6::kPacketTooBig;
    header.unused = Be16(static_cast<std::uint16_t>(error.mtu >> 16U));
    header.next_hop_mtu = Be16(static_cast<std::uint16_t>(error.mtu & 0xffffU));
  } else {
    header.type = icmpv6::kDestinationUnreachable;
    const bool port = error.code == icmp::kPortUnreachable;
    header.code = port ? icmpv6::kPortUnreachable : icmpv6::kAddressUnreachable;
  }
  return header;
}

std::span<std::byte> make_v4(Emissions& memory, const IcmpError& error, const Ipv4Address& source,
                             const Ipv4Address& destination, std::span<const std::byte> offending,
                             std::uint16_t id) {
  constexpr std::size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpHeader);
  const std::size_t quoted = std::min(offending.size(), kLargestError - kHeaders);
  const std::span<std::byte> packet = memory.allocate(kHeaders + quoted);

  Ipv4Header ip;
  ip.tos = tos_of_error(offending);
  ip.total_length = Be16(static_cast<std::uint16_t>(packet.size()));
  ip.id = Be16(id);
  ip.ttl = kTtl;
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::icmp);
  ip.source = source;
  ip.destination = destination;
  finish_checksum(ip);
  store(packet, ip);

  IcmpHeader header = header_v4(error);
  store(packet, header, sizeof(Ipv4Header));
  std::memcpy(packet.data() + kHeaders, offending.data(), quoted);
  header.checksum = internet_checksum(packet.subspan(sizeof(Ipv4Header)));
  store(packet, header, sizeof(Ipv4Header));
  return packet;
}

std::span<std::byte> make_v6(Emissions& memory, const IcmpError& error, const IpAddress& source,
                             const IpAddress& destination, std::span<const std::byte> offending) {
  constexpr std::size_t kHeaders = sizeof(Ipv6Header) + sizeof(IcmpHeader);
  const std::size_t quoted = std::min(offending.size(), kLargestErrorV6 - kHeaders);
  const std::span<std::byte> packet = memory.allocate(kHeaders + quoted);
  const std::span<std::byte> message = packet.subspan(sizeof(Ipv6Header));

  Ipv6Header ip;
  ip.payload_length = Be16(static_cast<std::uint16_t>(message.size()));
  ip.next_header = static_cast<std::uint8_t>(IpProtocol::icmpv6);
  ip.hop_limit = kTtl;
  ip.source = source;
  ip.destination = destination;
  store(packet, ip);

  IcmpHeader header = header_v6(error);
  store(message, header);
  std::memcpy(packet.data() + kHeaders, offending.data(), quoted);
  ChecksumSum sum;
  sum.add_pseudo(source, destination, ip.next_header, message.size());
  sum.add(message);
  header.checksum = sum.finish();
  store(message, header);
  return packet;
}

}  // namespace

bool may_answer(const PacketView& offending) {
  if (offending.is_later_fragment() || offending.is_icmp_error()) return false;
  const bool quotes =
      offending.v6 ? offending.icmp_type == icmpv6::kRedirect : icmp::quotes(offending.icmp_type);
  if (offending.is_icmp() && quotes) return false;
  const IpAddress& from = offending.tuple.source;
  return !from.is_unspecified() && !from.is_multicast() && !from.is_loopback() &&
         !offending.tuple.destination.is_multicast();
}

std::span<std::byte> make_icmp_error(Emissions& memory, const IcmpError& error,
                                     const IpAddress& source, const IpAddress& destination,
                                     std::span<const std::byte> offending, std::uint16_t id) {
  if (destination.is_v4()) {
    return make_v4(memory, error, source.v4(), destination.v4(), offending, id);
  }
  return make_v6(memory, error, source, destination, offending);
}

}  // namespace lvsd
