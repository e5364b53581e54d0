// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/raw_socket.h"

#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {
constexpr int kSendBuffer = 8 << 20;  // as the packet socket's
}  // namespace

struct RawSocket::Batch {
  std::array<iovec, kSendBatch> pieces{};
  std::array<sockaddr_in, kSendBatch> targets{};
  std::array<mmsghdr, kSendBatch> messages{};

  Batch() {
    for (std::size_t i = 0; i < kSendBatch; ++i) {
      targets[i].sin_family = AF_INET;
      msghdr& message = messages[i].msg_hdr;
      message.msg_name = &targets[i];
      message.msg_namelen = sizeof(sockaddr_in);
      message.msg_iov = &pieces[i];
      message.msg_iovlen = 1;
    }
  }

  bool put(std::size_t i, std::span<const std::byte> packet) {
    const auto header = load<Ipv4Header>(packet);
    if (!header || header->version() != 4) return false;
    targets[i].sin_addr.s_addr = header->destination.wire().raw();
    pieces[i] = {.iov_base = const_cast<std::byte*>(packet.data()), .iov_len = packet.size()};
    return true;
  }
};

// IPPROTO_RAW implies IP_HDRINCL. Nothing arrives but packets of protocol 255, which nobody sends;
// the smallest receive buffer keeps even those from taking memory.
RawSocket::RawSocket()
    : batch_(std::make_unique<Batch>()),
      fd_(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)) {
  if (!fd_.valid()) throw std::system_error(errno, std::system_category(), "opening a raw socket");
  const int least = 0;
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) < 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
}

RawSocket::~RawSocket() = default;

void RawSocket::send(std::span<const Emission> packets) {
  std::size_t filled = 0;
  for (const Emission& emission : packets) {
    if (!batch_->put(filled, emission.packet)) {
      ++counters_.refused;
      continue;
    }
    if (++filled == kSendBatch) {
      send_batch(fd_.get(), batch_->messages, counters_);
      filled = 0;
    }
  }
  send_batch(fd_.get(), std::span(batch_->messages).first(filled), counters_);
}

}  // namespace lvsd
