// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/packet_builder.h"

#include <algorithm>

#include "lvsd/net/address.h"
#include "lvsd/net/result.h"

namespace lvsd::test {
namespace {

constexpr std::uint8_t kIcmp = 1, kIpip = 4, kTcp = 6, kUdp = 17, kSctp = 132;

void put8(Bytes& out, unsigned value) { out.push_back(std::byte(value & 0xffU)); }
void put16(Bytes& out, unsigned value) {
  put8(out, value >> 8U);
  put8(out, value);
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xffffU);
}
void put(Bytes& out, View bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put_address(Bytes& out, std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  LVSD_ASSERT(address && address->is_v4());  // a mistake in the test itself
  const Ipv4Address v4 = address->v4();
  for (const std::uint8_t byte : v4.bytes()) put8(out, byte);
}

void write16(Bytes& out, std::size_t at, unsigned value) {
  out[at] = std::byte(value >> 8U & 0xffU);
  out[at + 1] = std::byte(value & 0xffU);
}

unsigned read8(View in, std::size_t at) { return std::to_integer<unsigned>(in[at]); }
unsigned read16(View in, std::size_t at) { return read8(in, at) << 8U | read8(in, at + 1); }

std::size_t header_length(View packet) { return (read8(packet, 0) & 0x0fU) * std::size_t{4}; }

std::uint32_t sum_words(View bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += read8(bytes, i) << (i % 2 == 0 ? 8U : 0U);
  }
  return sum;
}

// Source, destination, protocol and length, as TCP and UDP sum them up before their own header.
std::uint32_t pseudo_sum(View packet) {
  const std::size_t length = packet.size() - header_length(packet);
  return sum_words(packet.subspan(12, 8)) + read8(packet, 9) + static_cast<std::uint32_t>(length);
}

// Puts the transport header behind an IP header and fills in its checksum at `field`.
Bytes finish_transport(const IpFields& ip, std::uint8_t protocol, const Bytes& transport,
                       std::size_t field) {
  Bytes packet = ip_packet(ip, protocol, transport);
  const std::size_t begin = header_length(packet);
  unsigned checksum = plain_checksum(View(packet).subspan(begin), pseudo_sum(packet));
  if (protocol == kUdp && checksum == 0) checksum = 0xffff;  // RFC 768: zero means none
  write16(packet, begin + field, checksum);
  return packet;
}

// Puts the CRC32c of an SCTP message into it, least significant byte first.
void write_crc32c(Bytes& message) {
  for (std::size_t i = 8; i < 12; ++i) message[i] = std::byte{0};
  std::uint32_t crc = plain_crc32c(message);
  for (std::size_t i = 8; i < 12; ++i, crc >>= 8U) message[i] = std::byte(crc & 0xffU);
}

// Source, destination, payload length and protocol (RFC 8200 section 8.1).
std::string judge_v6(View packet) {
  if (packet.size() < 40) return "shorter than an IPv6 header";
  if (read16(packet, 4) + 40U != packet.size()) return "wrong IPv6 payload length";
  return {};
}

std::string judge_transport_v6(View packet) {
  constexpr unsigned kIcmpV6 = 58;
  const unsigned protocol = read8(packet, 6);
  if (protocol != kTcp && protocol != kUdp && protocol != kIcmpV6) return {};
  const View transport = packet.subspan(40);
  const std::uint32_t pseudo =
      sum_words(packet.subspan(8, 32)) + protocol + static_cast<std::uint32_t>(transport.size());
  if (protocol == kUdp && transport.size() >= 8 && read16(transport, 6) == 0) return {};
  return plain_checksum(transport, pseudo) == 0 ? "" : "wrong checksum over IPv6";
}

std::string judge_transport(View packet) {
  const View transport = packet.subspan(header_length(packet));
  const unsigned protocol = read8(packet, 9);
  if (protocol == kTcp && transport.size() < 20) return "TCP header cut short";
  if (protocol == kUdp && transport.size() < 8) return "UDP header cut short";
  if (protocol == kTcp && plain_checksum(transport, pseudo_sum(packet)) != 0) {
    return "wrong TCP checksum";
  }
  if (protocol == kUdp && read16(transport, 6) != 0 &&
      plain_checksum(transport, pseudo_sum(packet)) != 0) {
    return "wrong UDP checksum";
  }
  if (protocol == kIcmp && plain_checksum(transport) != 0) return "wrong ICMP checksum";
  if (protocol == kSctp) {
    Bytes message(transport.begin(), transport.end());
    if (message.size() < 12) return "SCTP header cut short";
    write_crc32c(message);
    if (!std::equal(message.begin(), message.end(), transport.begin())) return "wrong CRC32c";
  }
  if (protocol == kIpip) {
    const std::string inner = wrong_with(transport);
    return inner.empty() ? inner : "inner packet: " + inner;
  }
  return {};
}

}  // namespace

std::uint16_t plain_checksum(View bytes, std::uint32_t start) {
  std::uint32_t sum = start + sum_words(bytes);
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

std::uint32_t plain_crc32c(View bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? crc >> 1U ^ 0x82f63b78U : crc >> 1U;
    }
  }
  return ~crc;
}

Bytes text(std::string_view characters) {
  Bytes out;
  for (const char c : characters) put8(out, static_cast<unsigned char>(c));
  return out;
}

Bytes pattern(std::size_t size, std::uint8_t first) {
  Bytes out;
  for (std::size_t i = 0; i < size; ++i) put8(out, static_cast<unsigned>(first + i));
  return out;
}

Bytes ip_packet(const IpFields& ip, std::uint8_t protocol, View payload) {
  LVSD_ASSERT(ip.options.size() % 4 == 0 && ip.fragment_offset % 8 == 0);
  const std::size_t header = 20 + ip.options.size();
  LVSD_ASSERT(header <= 60 && header + payload.size() <= 0xffff);
  Bytes out;
  put8(out, static_cast<unsigned>(0x40U | header / 4));
  put8(out, ip.tos);
  put16(out, static_cast<unsigned>(header + payload.size()));
  put16(out, ip.id);
  put16(out, (ip.dont_fragment ? 0x4000U : 0U) | (ip.more_fragments ? 0x2000U : 0U) |
                 ip.fragment_offset / 8U);
  put8(out, ip.ttl);
  put8(out, protocol);
  put16(out, 0);
  put_address(out, ip.source);
  put_address(out, ip.destination);
  put(out, ip.options);
  fix_ip_checksum(out);
  put(out, payload);
  return out;
}

Bytes tcp_packet(const IpFields& ip, const TcpFields& tcp, View payload) {
  LVSD_ASSERT(tcp.options.size() % 4 == 0 && tcp.options.size() <= 40);
  Bytes out;
  put16(out, tcp.source);
  put16(out, tcp.destination);
  put32(out, tcp.sequence);
  put32(out, tcp.acknowledgment);
  put8(out, static_cast<unsigned>((20 + tcp.options.size()) / 4 << 4U));
  put8(out, tcp.flags);
  put16(out, 64240);  // window
  put16(out, 0);      // checksum
  put16(out, 0);      // urgent pointer
  put(out, tcp.options);
  put(out, payload);
  return finish_transport(ip, kTcp, out, 16);
}

Bytes udp_packet(const IpFields& ip, const UdpFields& udp, View payload) {
  Bytes out;
  put16(out, udp.source);
  put16(out, udp.destination);
  put16(out, static_cast<unsigned>(8 + payload.size()));
  put16(out, 0);
  put(out, payload);
  return udp.checksum ? finish_transport(ip, kUdp, out, 6) : ip_packet(ip, kUdp, out);
}

Bytes sctp_packet(const IpFields& ip, const SctpFields& sctp, View chunks) {
  Bytes out;
  put16(out, sctp.source);
  put16(out, sctp.destination);
  put32(out, sctp.tag);
  put32(out, 0);
  put(out, chunks);
  write_crc32c(out);
  return ip_packet(ip, kSctp, out);
}

Bytes sctp_chunk(std::uint8_t type, View body) {
  Bytes out;
  put8(out, type);
  put8(out, 0);
  put16(out, static_cast<unsigned>(4 + body.size()));
  put(out, body);
  while (out.size() % 4 != 0) put8(out, 0);
  return out;
}

Bytes icmp_packet(const IpFields& ip, const IcmpFields& icmp, View body) {
  Bytes out;
  put8(out, icmp.type);
  put8(out, icmp.code);
  put16(out, 0);
  put32(out, icmp.rest);
  put(out, body);
  write16(out, 2, plain_checksum(out));
  return ip_packet(ip, kIcmp, out);
}

Bytes ipip_packet(const IpFields& outer, View inner) { return ip_packet(outer, kIpip, inner); }

Bytes icmp_error(const IpFields& ip, const IcmpFields& icmp, View original, std::size_t quoted) {
  const std::size_t size = std::min(original.size(), header_length(original) + quoted);
  return icmp_packet(ip, icmp, original.first(size));
}

std::vector<Bytes> fragments(View packet, std::size_t payload) {
  LVSD_ASSERT(payload > 0 && payload % 8 == 0);
  const std::size_t header = header_length(packet);
  const std::size_t last_offset = packet.size() - header;
  std::vector<Bytes> out;
  for (std::size_t offset = 0; offset < last_offset; offset += payload) {
    const std::size_t size = std::min(payload, last_offset - offset);
    Bytes fragment(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header));
    const bool more = offset + size < last_offset;
    write16(fragment, 2, static_cast<unsigned>(header + size));
    write16(fragment, 6, static_cast<unsigned>((more ? 0x2000U : 0U) | offset / 8));
    fix_ip_checksum(fragment);
    put(fragment, packet.subspan(header + offset, size));
    out.push_back(fragment);
  }
  return out;
}

void fix_ip_checksum(Bytes& packet) {
  write16(packet, 10, 0);
  write16(packet, 10, plain_checksum(View(packet).first(header_length(packet))));
}

std::string wrong_with_header(View packet) {
  if (!packet.empty() && read8(packet, 0) >> 4U == 6) return judge_v6(packet);
  if (packet.size() < 20) return "shorter than an IP header";
  if (read8(packet, 0) >> 4U != 4) return "not IPv4";
  const std::size_t header = header_length(packet);
  if (header < 20 || header > packet.size()) return "wrong IP header length";
  if (read16(packet, 2) != packet.size()) {
    return "total length " + std::to_string(read16(packet, 2)) + ", but " +
           std::to_string(packet.size()) + " bytes";
  }
  return plain_checksum(packet.first(header)) == 0 ? "" : "wrong IP header checksum";
}

std::string wrong_with(View packet) {
  const std::string header = wrong_with_header(packet);
  if (!header.empty()) return header;
  if (read8(packet, 0) >> 4U == 6) return judge_transport_v6(packet);
  const bool fragment = (read16(packet, 6) & 0x3fffU) != 0;
  return fragment ? std::string() : judge_transport(packet);
}

OwnedPacket::OwnedPacket(View packet, std::size_t headroom)
    : storage_(headroom), headroom_(headroom) {
  put(storage_, packet);
}

}  // namespace lvsd::test
