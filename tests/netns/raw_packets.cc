// SPDX-License-Identifier: GPL-2.0-or-later
#include "netns/raw_packets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace lvsd::test {
namespace {

void put16(std::vector<std::uint8_t>& bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value >> 8U);
  bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}

// RFC 1071, the plain way: this is not the code under test.
unsigned checksum(const std::vector<std::uint8_t>& bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += bytes[i] * (i % 2 == 0 ? 256U : 1U);
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

}  // namespace

std::vector<std::uint8_t> udp_payload(std::uint16_t source_port, std::uint16_t destination_port) {
  std::vector<std::uint8_t> bytes(12);  // the checksum stays zero, which means none
  put16(bytes, 0, source_port);
  put16(bytes, 2, destination_port);
  put16(bytes, 4, 12);
  return bytes;
}

std::vector<std::uint8_t> tcp_syn(std::uint16_t source_port, std::uint16_t destination_port) {
  std::vector<std::uint8_t> bytes(20);
  put16(bytes, 0, source_port);
  put16(bytes, 2, destination_port);
  put16(bytes, 12, 0x5002);
  return bytes;
}

std::vector<std::uint8_t> icmp_payload(std::uint8_t type) {
  std::vector<std::uint8_t> bytes(36);
  bytes[0] = type;
  bytes[8] = 0x45;  // the quoted header
  put16(bytes, 2, checksum(bytes));
  return bytes;
}

namespace {

FileDescriptor open_raw(int family) {
  FileDescriptor fd(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd.valid()) throw std::system_error(errno, std::system_category(), "raw socket");
  return fd;
}

std::vector<std::uint8_t> ipv4_header(const RawPacket& packet) {
  std::vector<std::uint8_t> bytes(20);
  bytes[0] = 0x45;
  put16(bytes, 2, static_cast<unsigned>(20 + packet.payload.size()));
  put16(bytes, 4, 4711);
  put16(bytes, 6, packet.fragment);
  bytes[8] = 64;
  bytes[9] = packet.protocol;
  std::copy_n(packet.source.v4().bytes().begin(), 4, bytes.begin() + 12);
  std::copy_n(packet.destination.v4().bytes().begin(), 4, bytes.begin() + 16);
  return bytes;  // checksum: the kernel
}

std::vector<std::uint8_t> ipv6_header(const RawPacket& packet) {
  const bool fragment = packet.fragment != 0;
  std::vector<std::uint8_t> bytes(fragment ? 48 : 40);
  bytes[0] = 0x60;
  put16(bytes, 4, static_cast<unsigned>(bytes.size() - 40 + packet.payload.size()));
  bytes[6] = fragment ? 44 : packet.protocol;
  bytes[7] = 64;
  std::copy_n(packet.source.bytes().begin(), 16, bytes.begin() + 8);
  std::copy_n(packet.destination.bytes().begin(), 16, bytes.begin() + 24);
  if (!fragment) return bytes;
  bytes[40] = packet.protocol;
  put16(bytes, 42, ((packet.fragment & 0x1fffU) << 3U) | ((packet.fragment & 0x2000U) >> 13U));
  put16(bytes, 46, 4711);
  return bytes;
}

}  // namespace

RawSender::RawSender(const NetworkNamespace& where) {
  const Inside inside(where);
  v4_ = open_raw(AF_INET);
  v6_ = open_raw(AF_INET6);
}

void RawSender::send(const RawPacket& packet) const {
  const bool v4 = packet.destination.is_v4();
  std::vector<std::uint8_t> bytes = v4 ? ipv4_header(packet) : ipv6_header(packet);
  bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
  sockaddr_in to4{};
  to4.sin_family = AF_INET;
  if (v4) to4.sin_addr.s_addr = std::bit_cast<std::uint32_t>(packet.destination.v4().bytes());
  sockaddr_in6 to6{};
  to6.sin6_family = AF_INET6;
  std::copy_n(packet.destination.bytes().begin(), 16, std::begin(to6.sin6_addr.s6_addr));
  const ssize_t sent = v4 ? sendto(v4_.get(), bytes.data(), bytes.size(), 0,
                                   reinterpret_cast<const sockaddr*>(&to4), sizeof(to4))
                          : sendto(v6_.get(), bytes.data(), bytes.size(), 0,
                                   reinterpret_cast<const sockaddr*>(&to6), sizeof(to6));
  if (sent < 0) throw std::system_error(errno, std::system_category(), "sending a raw packet");
}

}  // namespace lvsd::test
