// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/raw_socket.h"

#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {
constexpr int kSendBuffer = 8 << 20;  // as the packet socket's

// Where the packet's own header sends it; nothing of what is no IP packet.
std::optional<IpAddress> destination_of(std::span<const std::byte> packet) {
  constexpr std::size_t kIpv6Header = 40, kIpv6Destination = 24;
  if (packet.empty()) return std::nullopt;
  switch (std::to_integer<unsigned>(packet[0]) >> 4U) {
    case 4:
      if (const auto header = load<Ipv4Header>(packet)) return IpAddress(header->destination);
      return std::nullopt;
    case 6: {
      if (packet.size() < kIpv6Header) return std::nullopt;
      IpAddress::Bytes bytes;
      std::memcpy(bytes.data(), packet.data() + kIpv6Destination, bytes.size());
      return IpAddress(bytes);
    }
    default:
      return std::nullopt;
  }
}
}  // namespace

// Messages to one version of IP, and the socket that takes them.
struct RawSocket::Batch {
  FileDescriptor fd;
  std::array<std::array<iovec, 2>, kSendBatch> pieces{};
  std::array<sockaddr_storage, kSendBatch> targets{};
  std::array<mmsghdr, kSendBatch> messages{};
  std::size_t filled = 0;

  explicit Batch(int family);
  void put(const IpAddress& to, const Emission& packet);
  void send(SendCounters& counters) {
    send_batch(fd.get(), std::span(messages).first(filled), counters);
    filled = 0;
  }
};

// IPPROTO_RAW implies IP_HDRINCL, for IPv6 as well. Nothing arrives but packets of protocol 255,
// which nobody sends; the smallest receive buffer keeps even those from taking memory.
RawSocket::Batch::Batch(int family) : fd(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)) {
  if (!fd.valid()) {
    if (family == AF_INET6 && errno == EAFNOSUPPORT) return;  // then nothing of IPv6 is routed
    throw std::system_error(errno, std::system_category(), "opening a raw socket");
  }
  const int least = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) < 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
  for (std::size_t i = 0; i < kSendBatch; ++i) {
    targets[i].ss_family = static_cast<sa_family_t>(family);
    msghdr& message = messages[i].msg_hdr;
    message.msg_name = &targets[i];
    message.msg_namelen = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    message.msg_iov = pieces[i].data();
    message.msg_iovlen = pieces[i].size();
  }
}

void RawSocket::Batch::put(const IpAddress& to, const Emission& packet) {
  if (to.is_v4()) {
    reinterpret_cast<sockaddr_in&>(targets[filled]).sin_addr.s_addr = to.v4().wire().raw();
  } else {
    auto& target = reinterpret_cast<sockaddr_in6&>(targets[filled]);
    std::memcpy(&target.sin6_addr, to.bytes().data(), sizeof target.sin6_addr);
  }
  pieces[filled] = {piece(packet.head), piece(packet.packet)};
  ++filled;
}

RawSocket::RawSocket()
    : v4_(std::make_unique<Batch>(AF_INET)), v6_(std::make_unique<Batch>(AF_INET6)) {}

RawSocket::~RawSocket() = default;

void RawSocket::send(std::span<const Emission> packets) {
  for (const Emission& emission : packets) {
    const std::optional<IpAddress> to = destination_of(emission.start());
    Batch& batch = to && to->is_v4() ? *v4_ : *v6_;
    if (!to || !batch.fd.valid()) {
      ++counters_.refused;
      continue;
    }
    batch.put(*to, emission);
    if (batch.filled == kSendBatch) batch.send(counters_);
  }
  for (Batch* batch : {v4_.get(), v6_.get()}) {
    if (batch->filled != 0) batch->send(counters_);
  }
}

}  // namespace lvsd
