// SPDX-License-Identifier: GPL-2.0-or-later
// What nfnetlink_queue says, read out of bytes: a packet message from its netlink socket, and the
// line about a queue in /proc/net/netfilter/nfnetlink_queue. Pure functions; every length is
// checked against the bytes that are there, not against what the message claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lvsd/model/network.h"
#include "lvsd/net/packet_buffer.h"

namespace lvsd {

struct QueueMessage {
  std::uint32_t id = 0;        // what a verdict names; rises by one per packet, and wraps
  std::uint16_t protocol = 0;  // EtherType
  std::uint8_t hook = 0;       // NF_INET_PRE_ROUTING, ...
  InterfaceIndex in = kNoInterface;
  std::uint32_t mark = 0;
  Offload offload;
  std::size_t begin = 0, size = 0;  // of the packet, within the message
  // Fewer bytes than the packet has: the message was cut by our receive buffer, or the packet is
  // longer than one netlink attribute can carry. `begin` and `size` are then zero.
  bool cut = false;
};

// Nothing where the bytes are no packet message, or end before the packet's id.
std::optional<QueueMessage> parse_queue_message(std::span<const std::byte> message);

// A queue as the kernel counts it. Counters wrap at 2^32 and start anew with each bind.
struct QueueStatus {
  std::uint32_t owner = 0;         // netlink port of the socket that is bound
  std::uint32_t waiting = 0;       // packets without a verdict
  std::uint32_t dropped = 0;       // the queue was full
  std::uint32_t user_dropped = 0;  // the socket would not take the message

  QueueStatus& operator+=(const QueueStatus& other) {
    waiting += other.waiting;
    dropped += other.dropped;
    user_dropped += other.user_dropped;
    return *this;
  }
};

// The status of `queue` in the text of /proc/net/netfilter/nfnetlink_queue; nothing if it is not
// there.
std::optional<QueueStatus> parse_queue_status(std::string_view table, std::uint16_t queue);

}  // namespace lvsd
