// SPDX-License-Identifier: GPL-2.0-or-later
// Sending many packets with one system call, and what becomes of those that the kernel refuses:
// each is counted by cause and skipped, the rest still goes. Nothing ever waits for room: a packet
// that finds none is lost, as on any router.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lvsd {

inline constexpr std::size_t kSendBatch = 64;  // packets per system call

struct SendCounters {
  std::uint64_t sent = 0;
  std::uint64_t no_buffer = 0;  // the socket's, the device's or the host's memory is used up
  std::uint64_t link_down = 0;  // the interface is down or gone
  std::uint64_t too_big = 0;    // for the interface's MTU
  std::uint64_t refused = 0;    // anything else: no route, a firewall, not a packet
  std::uint64_t errors() const { return no_buffer + link_down + too_big + refused; }
};

// The kernel only reads it; iovec is older than const.
inline iovec piece(std::span<const std::byte> bytes) {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

void count_send_error(int error, SendCounters& counters);

void send_batch(int fd, std::span<mmsghdr> messages, SendCounters& counters);

}  // namespace lvsd
