// SPDX-License-Identifier: GPL-2.0-or-later
// Wire layouts: Ethernet (IEEE 802.3), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC
// 768), SCTP (RFC 9260), ICMP (RFC 792, RFC 1191 for the next-hop MTU), ICMPv6 (RFC 4443). Field
// values are as on the wire; flags and small fields have accessors, since bit-fields have no
// portable layout.
#pragma once

#include "lvsd/net/address.h"
#include "lvsd/net/wire.h"

namespace lvsd {

enum class IpProtocol : std::uint8_t {
  icmp = 1,
  ipip = 4,
  tcp = 6,
  udp = 17,
  ipv6 = 41,  // IPv6 inside a tunnel
  gre = 47,
  esp = 50,
  ah = 51,
  icmpv6 = 58,
  sctp = 132
};

namespace ethertype {
inline constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kVlan = 0x8100, kIpv6 = 0x86dd;
}

struct EthernetHeader {
  Mac destination, source;
  Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

struct Ipv4Header {
  std::uint8_t version_ihl = 0x45;  // ihl in 32-bit words, low nibble
  std::uint8_t tos = 0;
  Be16 total_length;
  Be16 id;
  Be16 flags_offset;  // three flag bits, then the fragment offset in units of 8 bytes
  std::uint8_t ttl = 0;
  std::uint8_t protocol = 0;
  Be16 checksum;
  Ipv4Address source, destination;

  static constexpr std::uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1fff;
  unsigned version() const { return version_ihl >> 4; }
  std::size_t header_length() const { return std::size_t{version_ihl & 0x0fU} * 4; }
  bool dont_fragment() const { return (flags_offset.host() & kDontFragment) != 0; }
  bool more_fragments() const { return (flags_offset.host() & kMoreFragments) != 0; }
  std::size_t fragment_offset() const {  // in bytes
    return std::size_t{flags_offset.host() & unsigned{kOffsetMask}} * 8;
  }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

struct Ipv6Header {
  Be32 version_class_flow = Be32(kVersion);  // 4, 8 and 20 bits
  Be16 payload_length;
  std::uint8_t next_header = 0;
  std::uint8_t hop_limit = 0;
  IpAddress source, destination;

  static constexpr std::uint32_t kVersion = 6U << 28U, kFlowMask = 0xfffff;
  unsigned version() const { return version_class_flow.host() >> 28U; }
  std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(version_class_flow.host() >> 20U);
  }
  std::uint32_t flow_label() const { return version_class_flow.host() & kFlowMask; }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

struct Ipv6FragmentHeader {
  std::uint8_t next_header = 0, reserved = 0;
  Be16 offset_more;  // the offset in units of 8 bytes, two reserved bits, "more fragments"
  Be32 id;

  std::size_t fragment_offset() const { return offset_more.host() & 0xfff8U; }  // in bytes
  bool more_fragments() const { return (offset_more.host() & 1U) != 0; }
};
static_assert(sizeof(Ipv6FragmentHeader) == 8 && alignof(Ipv6FragmentHeader) == 1);

struct TcpHeader {
  Be16 source, destination;
  Be32 sequence, acknowledgment;
  std::uint8_t data_offset = 0x50;  // header length in 32-bit words, high nibble
  std::uint8_t flags = 0;
  Be16 window, checksum, urgent;

  static constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10,
                                kCwr = 0x80;
  std::size_t header_length() const { return std::size_t{unsigned{data_offset} >> 4U} * 4; }
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

struct UdpHeader {
  Be16 source, destination, length, checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

// Draft-ietf-intarea-gue section 3.1.
struct GueHeader {
  std::uint8_t version_length = 0;  // two bits version, one for control messages, five for length
  std::uint8_t protocol = 0;
  Be16 flags;
};
static_assert(sizeof(GueHeader) == 4 && alignof(GueHeader) == 1);

struct GreHeader {  // RFC 2784
  Be16 flags_version;
  Be16 protocol;
  static constexpr std::uint16_t kChecksumPresent = 0x8000;
};
static_assert(sizeof(GreHeader) == 4 && alignof(GreHeader) == 1);
struct GreChecksum {  // behind it, where it is present
  Be16 checksum, reserved;
};

struct SctpHeader {
  Be16 source, destination;
  Be32 tag;
  Be32 checksum;  // CRC32c, its bytes in the order that net/crc32c.h gives
};
static_assert(sizeof(SctpHeader) == 12 && alignof(SctpHeader) == 1);

struct SctpChunk {
  std::uint8_t type = 0, flags = 0;
  Be16 length;  // with this header, without the padding to a multiple of 4
};
static_assert(sizeof(SctpChunk) == 4 && alignof(SctpChunk) == 1);

namespace sctp {  // chunk types (RFC 9260 section 3.2, RFC 3168 for ECNE and CWR)
inline constexpr std::uint8_t kData = 0, kInit = 1, kInitAck = 2, kSack = 3, kHeartbeat = 4;
inline constexpr std::uint8_t kHeartbeatAck = 5, kAbort = 6, kShutdown = 7, kShutdownAck = 8;
inline constexpr std::uint8_t kError = 9, kCookieEcho = 10, kCookieAck = 11, kEcne = 12, kCwr = 13;
inline constexpr std::uint8_t kShutdownComplete = 14;
}  // namespace sctp

struct IcmpHeader {
  std::uint8_t type = 0, code = 0;
  Be16 checksum;
  Be16 unused;        // high half of the "rest of header" word
  Be16 next_hop_mtu;  // low half; the MTU in type 3 code 4 (RFC 1191), else as sent
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

namespace icmp {
inline constexpr std::uint8_t kEchoReply = 0, kDestinationUnreachable = 3, kSourceQuench = 4;
inline constexpr std::uint8_t kEchoRequest = 8, kTimeExceeded = 11;
inline constexpr std::uint8_t kHostUnreachable = 1, kPortUnreachable = 3;  // codes of type 3
inline constexpr std::uint8_t kFragmentationNeeded = 4;                    // code of type 3
inline constexpr std::uint8_t kTtlExceeded = 0;                            // code of type 11
// The error types that IPVS relates to a connection (reference section 1.10); all others are not
// ours.
constexpr bool is_error(std::uint8_t type) {
  return type == kDestinationUnreachable || type == kSourceQuench || type == kTimeExceeded;
}
inline constexpr std::uint8_t kRedirect = 5, kParameterProblem = 12;
// All that quote the packet which they are about, and are never answered (RFC 1122, 3.2.2).
constexpr bool quotes(std::uint8_t type) {
  return is_error(type) || type == kRedirect || type == kParameterProblem;
}
}  // namespace icmp

namespace icmpv6 {
inline constexpr std::uint8_t kDestinationUnreachable = 1, kPacketTooBig = 2, kTimeExceeded = 3;
inline constexpr std::uint8_t kParameterProblem = 4;
inline constexpr std::uint8_t kEchoRequest = 128, kEchoReply = 129, kRedirect = 137;
inline constexpr std::uint8_t kAddressUnreachable = 3, kPortUnreachable = 4;  // codes of type 1
constexpr bool is_error(std::uint8_t type) { return type < 128; }  // RFC 4443 section 2.1
}  // namespace icmpv6

}  // namespace lvsd
