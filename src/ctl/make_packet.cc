// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/make_packet.h"

#include <algorithm>
#include <charconv>

#include "lvsd/net/checksum.h"
#include "lvsd/net/crc32c.h"
#include "lvsd/net/headers.h"

namespace lvsd::ctl {
namespace {

struct Ends {
  Endpoint client, server;
};

Result<std::uint8_t, Error> parse_flags(std::string_view text) {
  constexpr std::string_view kLetters = "FSRPAU";  // from the lowest bit up
  unsigned flags = 0;
  for (const char letter : text) {
    const std::size_t bit = kLetters.find(letter);
    if (bit == std::string_view::npos) {
      return fail("--flags " + std::string(text) + ": letters of FSRPAU are expected, as in SA");
    }
    flags |= 1U << bit;
  }
  return static_cast<std::uint8_t>(flags);
}

std::vector<std::byte> tcp_header(const Ends& ends, std::uint8_t flags) {
  TcpHeader tcp;
  tcp.source = ends.client.port.wire();
  tcp.destination = ends.server.port.wire();
  tcp.sequence = Be32(1U);
  tcp.flags = flags;
  tcp.window = Be16(0xffffU);
  std::vector<std::byte> bytes(sizeof tcp);
  store(bytes, tcp);
  return bytes;
}

std::vector<std::byte> udp_header(const Ends& ends) {
  std::vector<std::byte> bytes(sizeof(UdpHeader));
  store(bytes, UdpHeader{ends.client.port.wire(), ends.server.port.wire(), {}, {}});
  return bytes;
}

std::vector<std::byte> sctp_init(const Ends& ends) {
  constexpr std::uint16_t kInitLength = 20;
  std::vector<std::byte> bytes(sizeof(SctpHeader) + kInitLength);
  store(bytes, SctpHeader{ends.client.port.wire(), ends.server.port.wire(), {}, {}});
  store(bytes, SctpChunk{sctp::kInit, 0, Be16(kInitLength)}, sizeof(SctpHeader));
  return bytes;
}

void finish(std::span<std::byte> segment, const Ends& ends, IpProtocol protocol) {
  if (protocol == IpProtocol::sctp) {
    auto header = *load<SctpHeader>(segment);
    header.checksum = sctp_checksum(segment);
    store(segment, header);
    return;
  }
  if (protocol == IpProtocol::udp) {
    store(segment, Be16(static_cast<std::uint16_t>(segment.size())), offsetof(UdpHeader, length));
  }
  ChecksumSum sum;
  sum.add_pseudo(ends.client.address, ends.server.address, static_cast<std::uint8_t>(protocol),
                 segment.size());
  sum.add(segment);
  Be16 checksum = sum.finish();
  if (protocol == IpProtocol::udp && checksum == Be16()) checksum = Be16(0xffffU);
  store(
      segment, checksum,
      protocol == IpProtocol::tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum));
}

std::vector<std::byte> ip_header(const Ends& ends, IpProtocol protocol, std::size_t payload,
                                 unsigned ttl) {
  if (!ends.client.address.is_v4()) {
    Ipv6Header ip;
    ip.payload_length = Be16(static_cast<std::uint16_t>(payload));
    ip.next_header = static_cast<std::uint8_t>(protocol);
    ip.hop_limit = static_cast<std::uint8_t>(ttl);
    ip.source = ends.client.address;
    ip.destination = ends.server.address;
    std::vector<std::byte> bytes(sizeof ip);
    store(bytes, ip);
    return bytes;
  }
  Ipv4Header ip;
  ip.total_length = Be16(static_cast<std::uint16_t>(sizeof ip + payload));
  ip.flags_offset = Be16(Ipv4Header::kDontFragment);
  ip.ttl = static_cast<std::uint8_t>(ttl);
  ip.protocol = static_cast<std::uint8_t>(protocol);
  ip.source = ends.client.address.v4();
  ip.destination = ends.server.address.v4();
  finish_checksum(ip);
  std::vector<std::byte> bytes(sizeof ip);
  store(bytes, ip);
  return bytes;
}

}  // namespace

Result<Endpoint, Error> parse_endpoint(std::string_view text) {
  const auto wrong = [&] {
    return fail(std::string(text) +
                ": an address and a port are expected, as in 192.0.2.10:80 or "
                "[2001:db8::10]:80");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  const auto address = IpAddress::parse(host);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!address || error != std::errc() || end != digits.data() + digits.size()) return wrong();
  return Endpoint{*address, Port(port)};
}

Result<std::vector<std::byte>, Error> make_packet(const PacketWords& words) {
  const auto client = parse_endpoint(words.client), server = parse_endpoint(words.server);
  if (!client) return Unexpected{client.error()};
  if (!server) return Unexpected{server.error()};
  const auto protocol = parse_protocol(words.protocol);
  if (!protocol) return fail(words.protocol + ": tcp, udp or sctp is expected");
  const auto flags = parse_flags(words.flags);
  if (!flags) return Unexpected{flags.error()};
  const Ends ends{*client, *server};
  if (ends.client.address.is_v4() != ends.server.address.is_v4()) {
    return fail("both addresses have to be of one family");
  }
  if (words.ttl > 255) return fail("--ttl is from 0 to 255");

  std::vector<std::byte> segment = *protocol == ServiceProtocol::tcp   ? tcp_header(ends, *flags)
                                   : *protocol == ServiceProtocol::udp ? udp_header(ends)
                                                                       : sctp_init(ends);
  const auto number = static_cast<IpProtocol>(*protocol);
  const std::size_t outer = ends.client.address.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  constexpr std::size_t kLargest = 65535;
  if (words.size != 0 && (words.size < outer + segment.size() || words.size > kLargest)) {
    return fail("--size is the whole packet's, from " + std::to_string(outer + segment.size()) +
                " to 65535 bytes");
  }
  if (words.size != 0) segment.resize(words.size - outer);
  finish(segment, ends, number);
  std::vector<std::byte> packet = ip_header(ends, number, segment.size(), words.ttl);
  packet.insert(packet.end(), segment.begin(), segment.end());
  return packet;
}

}  // namespace lvsd::ctl
