// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/sources.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace lvsd::decap {
namespace {

constexpr int kReceiveBuffer = 4 << 20;  // bytes; about 3000 full-sized packets
constexpr int kNoCheck6 = 102;           // UDP_NO_CHECK6_RX, linux/udp.h: GUE may send no checksum

[[noreturn]] void fail_with(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void enable(int fd, int level, int option) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof(on)) != 0) fail_with("cannot set up a socket");
}

IpAddress address_of(const in6_addr& address) {
  IpAddress::Bytes bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return IpAddress(bytes);
}

IpAddress address_of(const in_addr& address) {
  Ipv4Address::Bytes bytes{};
  std::memcpy(bytes.data(), &address, bytes.size());
  return Ipv4Address(bytes);
}

void bind_port(int fd, bool v4, Port port) {
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(port.host());
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  any4.sin_port = htons(port.host());
  const auto* const to =
      v4 ? reinterpret_cast<const sockaddr*>(&any4) : reinterpret_cast<const sockaddr*>(&any6);
  if (::bind(fd, to, v4 ? sizeof(any4) : sizeof(any6)) != 0) {
    fail_with("cannot bind the port of GUE");
  }
}

// Who sent it and, from the ancillary data, to whom.
void read_addresses(const sockaddr_storage& from, msghdr& message, Arrival& arrival) {
  if (from.ss_family == AF_INET) {
    sockaddr_in sender{};
    std::memcpy(&sender, &from, sizeof(sender));
    arrival.source = address_of(sender.sin_addr);
    arrival.source_port = Port(ntohs(sender.sin_port));
  } else {
    sockaddr_in6 sender{};
    std::memcpy(&sender, &from, sizeof(sender));
    arrival.source = address_of(sender.sin6_addr);
    arrival.source_port = Port(ntohs(sender.sin6_port));
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      arrival.destination = address_of(info.ipi_addr);
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      arrival.destination = address_of(info.ipi6_addr);
    }
  }
}

}  // namespace

Sources::Sources(const Trust& trust, const Tunnels& tunnels)
    : icmp_(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP)),
      icmpv6_(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6)) {
  // They only send; what they would receive is not read.
  const int least = 1;
  for (const FileDescriptor* out : {&icmp_, &icmpv6_}) {
    if (out->valid()) ::setsockopt(out->get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
  }
  const auto has_vip = [&trust](bool v4) {
    return std::any_of(trust.vips.begin(), trust.vips.end(),
                       [v4](const IpAddress& vip) { return vip.is_v4() == v4; });
  };
  for (const bool v4 : {true, false}) {
    const auto is_of = [v4](const Prefix& prefix) { return prefix.address.is_v4() == v4; };
    if (std::none_of(trust.directors.begin(), trust.directors.end(), is_of)) continue;
    if (tunnels.ipip && has_vip(true)) add(v4, IpProtocol::ipip, {});
    if (tunnels.ipip && has_vip(false)) add(v4, IpProtocol::ipv6, {});
    if (tunnels.gre) add(v4, IpProtocol::gre, {});
    for (const Port port : tunnels.gue_ports) add(v4, IpProtocol::udp, port);
  }
}

void Sources::add(bool v4, IpProtocol protocol, Port port) {
  const bool gue = protocol == IpProtocol::udp;
  const int number = static_cast<int>(protocol);
  FileDescriptor socket(::socket(v4 ? AF_INET : AF_INET6,
                                 (gue ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, gue ? 0 : number));
  if (!socket.valid()) fail_with("cannot open a socket for tunnel packets");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  if (!v4) enable(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO);
  if (gue) {
    if (v4) enable(socket.get(), IPPROTO_IP, IP_PKTINFO);
    if (!v4) enable(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    if (!v4) enable(socket.get(), IPPROTO_UDP, kNoCheck6);
    bind_port(socket.get(), v4, port);
  }
  sources_.push_back({std::move(socket), protocol, v4, port});
}

Sources::Receipt Sources::receive(std::size_t index, Arrival& arrival) {
  const Source& source = sources_[index];
  sockaddr_storage from{};
  std::array<char, 128> ancillary{};
  iovec part{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof(from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const ssize_t length = ::recvmsg(source.socket.get(), &message, MSG_DONTWAIT);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED) return Receipt::nothing;
    fail_with("cannot receive");
  }
  const auto bytes = std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(length));
  if (source.v4 && source.protocol != IpProtocol::udp) {  // with its IP header
    const auto taken = arrival_of(bytes);
    if (!taken) return Receipt::malformed;
    arrival = *taken;
    return Receipt::arrival;
  }
  arrival = {.source = {}, .destination = {}, .protocol = source.protocol, .payload = bytes};
  read_addresses(from, message, arrival);
  arrival.port = source.port;
  return Receipt::arrival;
}

// Lost, if so, like any ICMP error.
void Sources::answer(const IpAddress& to, const std::vector<std::byte>& message) {
  if (to.is_v4()) {
    sockaddr_in receiver{};
    receiver.sin_family = AF_INET;
    std::memcpy(&receiver.sin_addr, to.v4().bytes().data(), to.v4().bytes().size());
    ::sendto(icmp_.get(), message.data(), message.size(), MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&receiver), sizeof(receiver));
    return;
  }
  sockaddr_in6 receiver{};
  receiver.sin6_family = AF_INET6;
  std::memcpy(&receiver.sin6_addr, to.bytes().data(), to.bytes().size());
  ::sendto(icmpv6_.get(), message.data(), message.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&receiver), sizeof(receiver));
}

}  // namespace lvsd::decap
