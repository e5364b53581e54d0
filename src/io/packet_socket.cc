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

// struct virtio_net_hdr, which clashes with C++ (virtio specification, section 5.1.6); host order.
struct OffloadHeader {
  static constexpr std::uint8_t kNeedsChecksum = 1;
  static constexpr std::uint8_t kTcpV4 = 1, kTcpV6 = 4, kCongestionReduced = 0x80;
  std::uint8_t flags = 0;
  std::uint8_t segmentation = 0;
  std::uint16_t header_length = 0, segment_size = 0, checksum_start = 0, checksum_offset = 0;
};
static_assert(sizeof(OffloadHeader) == 10);

// Counted from the Ethernet header on.
OffloadHeader offload_of(const Emission& frame) {
  constexpr std::size_t kTcpChecksum = 16;
  OffloadHeader out;
  const Unfinished& unfinished = frame.unfinished;
  if (unfinished.transport_offset == 0) return out;
  out.flags = OffloadHeader::kNeedsChecksum;
  out.checksum_start =
      static_cast<std::uint16_t>(sizeof(EthernetHeader) + unfinished.transport_offset);
  out.checksum_offset = kTcpChecksum;
  if (unfinished.segment_size == 0) return out;
  const auto tcp = load<TcpHeader>(frame.packet, unfinished.transport_offset);
  if (!tcp) return out;
  const bool v6 = ether_type(frame.packet) == ethertype::kIpv6;
  out.segmentation = v6 ? OffloadHeader::kTcpV6 : OffloadHeader::kTcpV4;
  if ((tcp->flags & TcpHeader::kCwr) != 0) out.segmentation |= OffloadHeader::kCongestionReduced;
  out.segment_size = unfinished.segment_size;
  out.header_length = static_cast<std::uint16_t>(out.checksum_start + tcp->header_length());
  return out;
}

}  // namespace

// What sendmmsg works on; the links between the arrays are made once.
struct PacketSocket::Batch {
  struct Front {  // what stands before a packet
    OffloadHeader offload;
    EthernetHeader ethernet;
  };
  static_assert(sizeof(Front) == sizeof(OffloadHeader) + sizeof(EthernetHeader));
  std::array<Front, kSendBatch> fronts{};
  std::array<std::array<iovec, 3>, kSendBatch> pieces{};
  std::size_t front = sizeof(EthernetHeader);  // how much of it the socket takes
  std::array<sockaddr_ll, kSendBatch> targets{};
  std::array<mmsghdr, kSendBatch> messages{};

  Batch() {
    for (std::size_t i = 0; i < kSendBatch; ++i) {
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
    const Be16 type{ether_type(frame.start())};
    fronts[i] = {offload_of(frame),
                 {.destination = frame.destination, .source = frame.source, .type = type}};
    pieces[i][0] = {piece(std::as_bytes(std::span(&fronts[i], 1)).last(front))};
    pieces[i][1] = piece(frame.head);
    pieces[i][2] = piece(frame.packet);
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
  const int on = 1;
  takes_unfinished_ = setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0;
  if (takes_unfinished_) batch_->front = sizeof(Batch::Front);
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
