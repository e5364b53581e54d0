// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/rewrite.h"

#include <cstddef>

#include "lvsd/net/checksum.h"
#include "lvsd/net/crc32c.h"

namespace lvsd {
namespace {

// Offsets inside headers (RFC 791, RFC 9293, RFC 768).
constexpr std::size_t kTtlWord = 8, kIpChecksum = 10, kIpSource = 12, kIpDestination = 16;
constexpr std::size_t kSourcePort = 0, kDestinationPort = 2;
constexpr std::size_t kTcpChecksum = 16, kUdpChecksum = 6, kIcmpChecksum = 2, kSctpChecksum = 8;

template <WireHeader T>
T read(std::span<const std::byte> packet, std::size_t offset) {
  return load<T>(packet, offset).value_or(T{});
}

void update_checksum(std::span<std::byte> packet, std::size_t offset, const ChecksumDelta& delta) {
  store(packet, delta.apply(read<Be16>(packet, offset)), offset);
}

void fill_udp_checksum(std::span<std::byte> packet, const PacketView& view) {
  const std::size_t length = view.total_length - view.transport_offset;
  ChecksumSum sum;
  sum.add_pseudo(read<Ipv4Address>(packet, kIpSource), read<Ipv4Address>(packet, kIpDestination),
                 view.tuple.protocol, length);
  sum.add(packet.subspan(view.transport_offset, length));
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

void rewrite_endpoint(std::span<std::byte> packet, const PacketView& view, const Endpoint& to,
                      std::size_t address_at, std::size_t port_at) {
  ChecksumDelta address;
  const Ipv4Address next = to.address.v4();
  address.replace(read<Ipv4Address>(packet, address_at), next);
  store(packet, next, address_at);
  update_checksum(packet, kIpChecksum, address);
  if (!view.has_ports) return;
  const std::size_t port_offset = view.transport_offset + port_at;
  const Be16 port = read<Be16>(packet, port_offset);
  address.replace(port, to.port.wire());
  store(packet, to.port.wire(), port_offset);
  if (view.is(IpProtocol::sctp)) {
    if (port != to.port.wire()) fill_sctp_checksum(packet, view);
    return;
  }
  update_transport_checksum(packet, view, address);
}

struct QuotedFields {
  std::size_t outer_address, quoted_address, quoted_port;
};

void rewrite_icmp(std::span<std::byte> packet, const PacketView& view, const Endpoint& to,
                  const QuotedFields& fields) {
  const QuotedPacket& quoted = *view.quoted;
  const Ipv4Address next = to.address.v4();
  ChecksumDelta outer;
  outer.replace(read<Ipv4Address>(packet, fields.outer_address), next);
  store(packet, next, fields.outer_address);
  update_checksum(packet, kIpChecksum, outer);

  ChecksumDelta inner;
  const std::size_t address_at = quoted.offset + fields.quoted_address;
  inner.replace(read<Ipv4Address>(packet, address_at), next);
  store(packet, next, address_at);
  update_checksum(packet, quoted.offset + kIpChecksum, inner);
  if (quoted.has_ports) {
    store(packet, to.port.wire(), quoted.transport_offset + fields.quoted_port);
  }

  const std::size_t icmp_at = view.transport_offset;
  store(packet, Be16{}, icmp_at + kIcmpChecksum);
  const auto message = packet.subspan(icmp_at, view.total_length - icmp_at);
  store(packet, internet_checksum(message), icmp_at + kIcmpChecksum);
}

}  // namespace

void decrement_ttl(std::span<std::byte> packet) {
  const Be16 before = read<Be16>(packet, kTtlWord);  // TTL and protocol share a word
  const Be16 after(static_cast<std::uint16_t>(before.host() - 0x0100));
  ChecksumDelta delta;
  delta.replace(before, after);
  store(packet, after, kTtlWord);
  update_checksum(packet, kIpChecksum, delta);
}

void rewrite_destination(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_endpoint(packet, view, to, kIpDestination, kDestinationPort);
}

void rewrite_source(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_endpoint(packet, view, to, kIpSource, kSourcePort);
}

void rewrite_icmp_request(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_icmp(packet, view, to, {kIpDestination, kIpSource, kSourcePort});
}

void rewrite_icmp_reply(std::span<std::byte> packet, const PacketView& view, const Endpoint& to) {
  rewrite_icmp(packet, view, to, {kIpSource, kIpDestination, kDestinationPort});
}

bool icmp_checksum_ok(std::span<const std::byte> packet, const PacketView& view) {
  const std::size_t at = view.transport_offset;
  return internet_checksum(packet.subspan(at, view.total_length - at)).raw() == 0;
}

}  // namespace lvsd
