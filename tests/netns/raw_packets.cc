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

RawSender::RawSender(const NetworkNamespace& where) {
  const Inside inside(where);
  fd_ = FileDescriptor(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd_.valid()) throw std::system_error(errno, std::system_category(), "raw socket");
}

void RawSender::send(const RawPacket& packet) const {
  std::vector<std::uint8_t> bytes(20);
  bytes[0] = 0x45;
  put16(bytes, 2, static_cast<unsigned>(20 + packet.payload.size()));
  put16(bytes, 4, 4711);
  put16(bytes, 6, packet.fragment);
  bytes[8] = 64;
  bytes[9] = packet.protocol;
  std::copy_n(packet.source.bytes().begin(), 4, bytes.begin() + 12);
  std::copy_n(packet.destination.bytes().begin(), 4, bytes.begin() + 16);
  bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());  // checksum: the kernel
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = std::bit_cast<std::uint32_t>(packet.destination.bytes());
  if (sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof(to)) < 0) {
    throw std::system_error(errno, std::system_category(), "sending a raw packet");
  }
}

}  // namespace lvsd::test
