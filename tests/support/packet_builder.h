// SPDX-License-Identifier: GPL-2.0-or-later
// Packets for tests, field by field, with right checksums. Built byte by byte with a checksum loop
// of its own, so that a mistake in src/net cannot hide behind the same mistake here. Only addresses
// are read by lvsd's own parser, which has its own tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/net/packet_buffer.h"

namespace lvsd::test {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

struct IpFields {
  std::string_view source = "198.51.100.7", destination = "192.0.2.10";
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t id = 0x1234;
  bool dont_fragment = false, more_fragments = false;
  std::uint16_t fragment_offset = 0;  // in bytes, a multiple of 8
  Bytes options{};                    // a multiple of 4 bytes
};

struct TcpFields {
  std::uint16_t source = 40000, destination = 80;
  std::uint32_t sequence = 1000, acknowledgment = 0;
  std::uint8_t flags = 0x02;  // SYN
  Bytes options{};            // a multiple of 4 bytes
};

struct UdpFields {
  std::uint16_t source = 40000, destination = 53;
  bool checksum = true;  // false: zero, "none was computed"
};

struct SctpFields {
  std::uint16_t source = 40000, destination = 3868;
  std::uint32_t tag = 0;
};

struct IcmpFields {
  std::uint8_t type = 8, code = 0;
  std::uint32_t rest = 0;  // the word behind the checksum; its low half is the next-hop MTU
};

Bytes text(std::string_view characters);                  // a payload
Bytes pattern(std::size_t size, std::uint8_t first = 0);  // counting bytes

Bytes ip_packet(const IpFields& ip, std::uint8_t protocol, View payload);
Bytes tcp_packet(const IpFields& ip, const TcpFields& tcp = {}, View payload = {});
Bytes udp_packet(const IpFields& ip, const UdpFields& udp = {}, View payload = {});
// `chunks` are the bytes behind the common header; the CRC32c is right.
Bytes sctp_packet(const IpFields& ip, const SctpFields& sctp, View chunks);
Bytes sctp_chunk(std::uint8_t type, View body = {});  // padded to a multiple of 4
Bytes icmp_packet(const IpFields& ip, const IcmpFields& icmp, View body = {});
Bytes ipip_packet(const IpFields& outer, View inner);

// An error about `original`: its IP header and `quoted` bytes behind it, as far as it has them.
Bytes icmp_error(const IpFields& ip, const IcmpFields& icmp, View original, std::size_t quoted = 8);

// `packet` cut into fragments of at most `payload` bytes behind the IP header, a multiple of 8.
std::vector<Bytes> fragments(View packet, std::size_t payload);

// Makes the IP header checksum right again after a test changed the header.
void fix_ip_checksum(Bytes& packet);

// The Internet checksum (RFC 1071), two bytes at a time.
std::uint16_t plain_checksum(View bytes, std::uint32_t start = 0);

// CRC32c (RFC 9260 appendix A), bit by bit.
std::uint32_t plain_crc32c(View bytes);

// Judges a packet: total length, IP header checksum, and the TCP, UDP, SCTP or ICMP checksum of
// whole packets, IPIP inner packets included. Empty when all is right, else what is wrong.
std::string wrong_with(View packet);
// The same for what the IP header alone promises.
std::string wrong_with_header(View packet);

// A packet in memory that has headroom in front of it, for what takes a PacketBuffer.
class OwnedPacket {
 public:
  explicit OwnedPacket(View packet, std::size_t headroom = kPacketHeadroom);
  PacketBuffer buffer() { return {storage_, headroom_, storage_.size() - headroom_}; }

 private:
  Bytes storage_;
  std::size_t headroom_;
};

}  // namespace lvsd::test
