// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace lvsd::doctor {
namespace {

constexpr std::size_t kLargestFrame = 65536;

[[noreturn]] void fail_with(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

constexpr sock_filter load_half(std::uint32_t at) { return BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at); }
constexpr sock_filter load_byte(std::uint32_t at) { return BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at); }
constexpr sock_filter if_equal(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}
constexpr sock_filter if_probe(std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstProbePort, yes, no);
}

// ARP; ICMP of both versions; TCP and UDP to a port of the probes'. Jumps count from the next line.
constexpr std::array kFilter{
    load_half(12),
    if_equal(ethertype::kArp, 16, 0),
    if_equal(ethertype::kIpv4, 0, 7),
    load_byte(23),
    if_equal(1, 13, 0),
    if_equal(6, 1, 0),
    if_equal(17, 0, 10),
    sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
    if_probe(8, 7),
    if_equal(ethertype::kIpv6, 0, 6),
    load_byte(20),
    if_equal(58, 5, 0),
    if_equal(6, 1, 0),
    if_equal(17, 0, 2),
    load_half(56),
    if_probe(1, 0),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
    sock_filter BPF_STMT(BPF_RET | BPF_K, kLargestFrame),
};

}  // namespace

Wire::Wire()
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      buffer_(kLargestFrame) {
  if (!socket_.valid()) fail_with("cannot open a packet socket");
  // Filter first, protocol second: nothing slips in between.
  std::array<sock_filter, kFilter.size()> filter = kFilter;
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    fail_with("cannot filter what a packet socket receives");
  }
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ALL);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&all), sizeof(all)) != 0) {
    fail_with("cannot listen on all interfaces");
  }
}

// Lost, if so, like a frame on the wire: every probe is sent more than once.
void Wire::send(InterfaceIndex interface, const Bytes& frame) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(interface);
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  ::sendto(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

void Wire::drain(const OnHeard& on_heard) {
  for (;;) {
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    const ssize_t length = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                      reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    const auto bytes = std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(length));
    if (const auto heard = parse_frame(bytes)) {
      on_heard(InterfaceIndex{static_cast<std::uint32_t>(from.sll_ifindex)}, *heard);
    }
  }
}

void Wire::listen(std::chrono::milliseconds time, const OnHeard& on_heard,
                  const std::function<bool()>& enough) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + time;
  while (!enough()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return;
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0) drain(on_heard);
  }
}

}  // namespace lvsd::doctor
