// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/packet_socket.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

// Bytes that may be on their way to devices; beyond it packets are dropped and counted. A device
// that takes 10 Gbit/s empties it in about 10 ms.
constexpr int kSendBuffer = 8 << 20;

std::uint16_t ether_type(std::span<const std::byte> packet) {
  const bool v6 = !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6;
  return v6 ? ethertype::kIpv6 : ethertype::kIpv4;
}

}  // namespace

// What sendmmsg works on; the links between the arrays are made once.
struct PacketSocket::Batch {
  std::array<EthernetHeader, kSendBatch> headers{};
  std::array<std::array<iovec, 2>, kSendBatch> pieces{};
  std::array<sockaddr_ll, kSendBatch> targets{};
  std::array<mmsghdr, kSendBatch> messages{};

  Batch() {
    for (std::size_t i = 0; i < kSendBatch; ++i) {
      pieces[i][0] = {.iov_base = &headers[i], .iov_len = sizeof(EthernetHeader)};
      targets[i].sll_family = AF_PACKET;
      targets[i].sll_halen = sizeof(Mac);
      msghdr& message = messages[i].msg_hdr;
      message.msg_name = &targets[i];
      message.msg_namelen = sizeof(sockaddr_ll);
      message.msg_iov = pieces[i].data();
      message.msg_iovlen = pieces[i].size();
    }
  }

  void put(std::size_t i, const Emission& frame) {
    const Be16 type{ether_type(frame.packet)};
    headers[i] = {.destination = frame.destination, .source = frame.source, .type = type};
    // The kernel only reads it; iovec is older than const.
    pieces[i][1] = {.iov_base = const_cast<std::byte*>(frame.packet.data()),
                    .iov_len = frame.packet.size()};
    targets[i].sll_protocol = type.raw();
    targets[i].sll_ifindex = static_cast<int>(frame.interface);
  }
};

PacketSocket::PacketSocket()
    : batch_(std::make_unique<Batch>()), fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  if (!fd_.valid())
    throw std::system_error(errno, std::system_category(), "opening a packet socket");
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) < 0) {
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
}

PacketSocket::~PacketSocket() = default;

void PacketSocket::send(std::span<const Emission> frames) {
  while (!frames.empty()) {
    const std::size_t count = std::min(frames.size(), kSendBatch);
    for (std::size_t i = 0; i < count; ++i) batch_->put(i, frames[i]);
    send_batch(fd_.get(), std::span(batch_->messages).first(count), counters_);
    frames = frames.subspan(count);
  }
}

}  // namespace lvsd
