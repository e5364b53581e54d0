// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/rewrite.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "lvsd/net/checksum.h"
#include "lvsd/net/crc32c.h"

namespace lvsd {
namespace {

// Offsets inside headers (RFC 791, RFC 8200, RFC 9293, RFC 768).
constexpr std::size_t kTtlWord = 8, kIpChecksum = 10, kHopLimit = 7;
constexpr std::size_t kSourcePort = 0, kDestinationPort = 2;
constexpr std::size_t kTcpChecksum = 16, kUdpChecksum = 6, kIcmpChecksum = 2, kSctpChecksum = 8;

enum class Side : std::uint8_t { source, destination };

constexpr std::size_t address_place(Side side, bool v6) {
  if (side == Side::source) return v6 ? 8 : 12;
  return v6 ? 24 : 16;
}
constexpr std::size_t port_place(Side side) {
  return side == Side::source ? kSourcePort : kDestinationPort;
}

template <WireHeader T>
T read(std::span<const std::byte> packet, std::size_t offset) {
  return load<T>(packet, offset).value_or(T{});
}

IpAddress address_of(std::span<const std::byte> packet, Side side, bool v6) {
  const std::size_t at = address_place(side, v6);
  return v6 ? read<IpAddress>(packet, at) : IpAddress(read<Ipv4Address>(packet, at));
}

void update_checksum(std::span<std::byte> packet, std::size_t offset, const ChecksumDelta& delta) {
  store(packet, delta.apply(read<Be16>(packet, offset)), offset);
}

void add_pseudo(ChecksumSum& sum, std::span<const std::byte> packet, const PacketView& view) {
  sum.add_pseudo(address_of(packet, Side::source, view.v6),
                 address_of(packet, Side::destination, view.v6), view.tuple.protocol,
                 view.total_length - view.transport_offset);
}

void fill_udp_checksum(std::span<std::byte> packet, const PacketView& view) {
  ChecksumSum sum;
  add_pseudo(sum, packet, view);
  sum.add(packet.subspan(view.transport_offset, view.total_length - view.transport_offset));
  Be16 checksum = sum.finish();
  if (checksum.raw() == 0) checksum = Be16(std::uint16_t{0xffff});
  store(packet, checksum, view.transport_offset + kUdpChecksum);
}

void update_transport_checksum(std::span<std::byte> packet, const PacketView& view,
                               const ChecksumDelta& delta) {
  if (view.is(IpProtocol::tcp)) {
    update_checksum(packet, view.transport_offset + kTcpChecksum, delta);
  } else if (view.is(IpProtocol::udp)) {
    const std::size_t at = view.transport_offset + kUdpChecksum;
    if (read<Be16>(packet, at).raw() == 0) {
      if (!view.more_fragments) fill_udp_checksum(packet, view);
      return;
    }
    Be16 checksum = delta.apply(read<Be16>(packet, at));
    if (checksum.raw() == 0) checksum = Be16(std::uint16_t{0xffff});
    store(packet, checksum, at);
  }
}

// SCTP's CRC32c covers no addresses, so it is made anew only where the port is another one; a wrong
// one becomes right that way, as in the kernel (observed).
void fill_sctp_checksum(std::span<std::byte> packet, const PacketView& view) {
  const std::size_t at = view.transport_offset;
  const auto message = packet.subspan(at, view.total_length - at);
  store(packet, sctp_checksum(message), at + kSctpChecksum);
}

// Writes the address into the IP header at `header`, whose own checksum (in IPv4) is kept right.
// Returns what that changes in the sums over it.
ChecksumDelta replace_address(std::span<std::byte> packet, std::size_t header, Side side, bool v6,
                              const IpAddress& next) {
  ChecksumDelta delta;
  const std::size_t at = header + address_place(side, v6);
  if (v6) {
    delta.replace_v6(read<IpAddress>(packet, at), next);
    store(packet, next, at);
    return delta;
  }
  delta.replace(read<Ipv4Address>(packet, at), next.v4());
  store(packet, next.v4(), at);
  update_checksum(packet, header + kIpChecksum, delta);
  return delta;
}

void rewrite_endpoint(std::span<std::byte> packet, const PacketView& view, const Endpoint& to,
                      Side side) {
  ChecksumDelta delta = replace_address(packet, 0, side, view.v6, to.address);
  if (!view.has_ports) return;
  const std::size_t port_offset = view.transport_offset + port_place(side);
  const Be16 port = read<Be16>(packet, port_offset);
  delta.replace(port, to.port.wire());
  store(packet, to.port.wire(), port_offset);
  if (view.is(IpProtocol::sctp)) {
    if (port != to.port.wire()) fill_sctp_checksum(packet, view);
    return;
  }
  update_transport_checksum(packet, view, delta);
}

Be16 icmp_checksum(std::span<const std::byte> packet, const PacketView& view) {
  ChecksumSum sum;
  if (view.v6) add_pseudo(sum, packet, view);  // ICMPv6's covers a pseudo header, ICMP's does not
  sum.add(packet.subspan(view.transport_offset, view.total_length - view.transport_offset));
  return sum.finish();
}

// The side of the outer header; the quoted packet went the other way.
void rewrite_icmp(std::span<std::byte> packet, const PacketView& view, const Endpoint& to,
                  Side outer) {
  const QuotedPacket& quoted = *view.quoted;
  const Side inner = outer == Side::source ? Side::destination : Side::source;
  replace_address(packet, 0, outer, view.v6, to.address);
  replace_address(packet, quoted.offset, inner, view.v6, to.address);
  if (quoted.has_ports) {
    store(packet, to.port.wire(), quoted.transport_offset + port_place(inner));
  }
  const std::size_t at = view.transport_offset + kIcmpChecksum;
  store(packet, Be16{}, at);
  store(packet, icmp_checksum(packet, view), at);
}

}  // namespace

void decrement_ttl(std::span<std::byte> packet, const PacketView& view) {
  if (view.v6) {
    store(packet, static_cast<std::uint8_t>(view.ttl - 1), kHopLimit);
    return;
  }
  const Be16 before = read<Be16>(packet, kTtlWord);  // TTL and protocol share a word
  const Be16 after(static_cast<std::uint16_t>(before.host() - 0x0100));
  ChecksumDelta delta;
  delta.replace(before, after);
  store(packet, after, kTtlWord);
  update_checksum(packet, kIpChecksum, delta);
}

void rewrite_destination(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_endpoint(packet, view, to, Side::destination);
}

void rewrite_source(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_endpoint(packet, view, to, Side::source);
}

void begin_tcp_checksum(std::span<std::byte> packet, const PacketView& view) {
  ChecksumSum sum;
  add_pseudo(sum, packet, view);
  const Be16 complement = sum.finish();
  store(packet, std::bit_cast<Be16>(static_cast<std::uint16_t>(~complement.raw())),
        view.transport_offset + kTcpChecksum);
}

void finish_tcp_checksum(std::span<std::byte> packet, const PacketView& view) {
  const std::size_t at = view.transport_offset;
  store(packet, Be16{}, at + kTcpChecksum);
  ChecksumSum sum;
  add_pseudo(sum, packet, view);
  sum.add(packet.subspan(at, view.total_length - at));
  store(packet, sum.finish(), at + kTcpChecksum);
}

void rewrite_icmp_request(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_icmp(packet, view, to, Side::destination);
}

void rewrite_icmp_reply(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_icmp(packet, view, to, Side::source);
}

bool icmp_checksum_ok(std::span<const std::byte> packet, const PacketView& view) {
  return icmp_checksum(packet, view).raw() == 0;
}

}  // namespace lvsd
