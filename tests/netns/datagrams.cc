// SPDX-License-Identifier: GPL-2.0-or-later
#include "netns/datagrams.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace lvsd::test {
namespace {

FileDescriptor open_socket(const NetworkNamespace& where, int family, int type, int protocol) {
  const Inside inside(where);
  FileDescriptor fd(socket(family, type | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) throw std::system_error(errno, std::system_category(), "socket");
  return fd;
}

sockaddr_in socket_address(const Ipv4Address& address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = to_big(port);
  out.sin_addr.s_addr = address.wire().raw();
  return out;
}

template <class Address>
void bind_to(const FileDescriptor& fd, const Address& address) {
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::system_error(errno, std::system_category(), "bind");
  }
}

void enlarge_buffer(const FileDescriptor& fd) {
  const int size = 16 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
}

}  // namespace

bool readable(int fd, int timeout_ms) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, timeout_ms) == 1;
}

UdpSocket::UdpSocket(const NetworkNamespace& where, const Ipv4Address& address, std::uint16_t port)
    : fd_(open_socket(where, AF_INET, SOCK_DGRAM, 0)) {
  bind_to(fd_, socket_address(address, port));
  enlarge_buffer(fd_);
}

bool UdpSocket::send(const std::string& text, const Ipv4Address& to, std::uint16_t port) const {
  const sockaddr_in target = socket_address(to, port);
  return sendto(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&target),
                sizeof target) == static_cast<ssize_t>(text.size());
}

std::optional<UdpSocket::Datagram> UdpSocket::receive(int timeout_ms) const {
  if (!readable(fd_.get(), timeout_ms)) return std::nullopt;
  std::array<char, 2048> buffer;
  sockaddr_in from{};
  socklen_t from_size = sizeof from;
  const ssize_t size = recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &from_size);
  if (size < 0) return std::nullopt;
  return Datagram{std::string(buffer.data(), static_cast<std::size_t>(size)),
                  Ipv4Address(std::bit_cast<Be32>(from.sin_addr.s_addr))};
}

FrameListener::FrameListener(const NetworkNamespace& where, const std::string& interface)
    : fd_(open_socket(where, AF_PACKET, SOCK_RAW, 0)) {
  enlarge_buffer(fd_);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = to_big<std::uint16_t>(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(interface_index(where, interface));
  bind_to(fd_, address);
}

std::optional<std::vector<std::byte>> FrameListener::receive(int timeout_ms) const {
  if (!readable(fd_.get(), timeout_ms)) return std::nullopt;
  std::vector<std::byte> frame(65536);
  const ssize_t size = recv(fd_.get(), frame.data(), frame.size(), 0);
  if (size < 0) return std::nullopt;
  frame.resize(static_cast<std::size_t>(size));
  return frame;
}

std::vector<std::byte> udp_packet(const Ipv4Address& from, const Ipv4Address& to,
                                  std::uint16_t port, const std::string& text) {
  const std::size_t size = sizeof(Ipv4Header) + sizeof(UdpHeader) + text.size();
  std::vector<std::byte> packet(size);
  Ipv4Header ip;
  ip.total_length = Be16(static_cast<std::uint16_t>(size));
  ip.id = Be16(std::uint16_t{0x1234});
  ip.ttl = 64;
  ip.protocol = static_cast<std::uint8_t>(IpProtocol::udp);
  ip.source = from;
  ip.destination = to;
  finish_checksum(ip);
  UdpHeader udp;
  udp.source = Be16(std::uint16_t{5000});
  udp.destination = Be16(port);
  udp.length = Be16(static_cast<std::uint16_t>(sizeof(UdpHeader) + text.size()));
  store(packet, ip);
  store(packet, udp, sizeof ip);
  std::memcpy(packet.data() + sizeof ip + sizeof udp, text.data(), text.size());
  return packet;
}

}  // namespace lvsd::test
