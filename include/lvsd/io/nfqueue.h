// SPDX-License-Identifier: GPL-2.0-or-later
// One NFQUEUE: packets come from the kernel in batches and are settled in batches.
//
// One receive() is one recvmmsg of up to 64 messages, each into a slot of its own that leaves
// kPacketHeadroom before the packet (the netlink headers in front of it become headroom as well).
// One settle() is, nearly always, one sendto: first the packets that the stack gets, each by its
// id, then a single batch verdict that drops all others up to the last id. So whatever was not
// decided, for any reason, is dropped, never let through to a stack that would answer with a reset.
//
// Overload: the kernel drops a packet when as many await a verdict as the queue holds
// (queue_dropped; with fail_open it leaves the packet to the local stack and counts nothing), or
// when the socket's buffer is full (user_dropped). NETLINK_NO_ENOBUFS is set: without it one full
// buffer makes the socket refuse everything until it has been read empty, which turns a burst into
// an outage. The kernel's counters say what was lost instead.
//
// A queue for streams takes super-packets as they are, with unfinished checksums (NFQA_CFG_F_GSO,
// Linux 3.10); it is for TCP alone, since a super-packet of UDP loses its datagrams' boundaries. In
// a queue for datagrams packets come segmented and finished. F_CONNTRACK is never set. Closing the
// socket unbinds the queue, and the kernel drops what waited in it.
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lvsd/io/queue_message.h"
#include "lvsd/net/packet_buffer.h"

struct mnl_socket;

namespace lvsd {

struct QueuedPacket {
  std::uint32_t id = 0;
  std::uint16_t protocol = 0;  // EtherType
  std::uint8_t hook = 0;
  InterfaceIndex in = kNoInterface;
  std::uint32_t mark = 0;
  PacketBuffer packet;
};

struct QueueCounters {
  std::uint64_t received = 0;
  std::uint64_t truncated = 0;  // not whole when it reached us, therefore dropped
  std::uint64_t overruns = 0;   // messages of the kernel that did not fit in the socket's buffer
  std::uint64_t refused = 0;    // verdicts the kernel did not take: the packet was gone already

  QueueCounters& operator+=(const QueueCounters& other) {
    received += other.received;
    truncated += other.truncated;
    overruns += other.overruns;
    refused += other.refused;
    return *this;
  }
};

enum class QueueKind : std::uint8_t { streams, datagrams };

struct QueueSettings {
  std::uint16_t number = 0;
  QueueKind kind = QueueKind::datagrams;
  std::uint32_t length = 16384;  // packets that may wait in it
  bool fail_open = false;
};

class NfQueue {
 public:
  static constexpr std::size_t kBatch = 64;  // recvmmsg on netlink gives no more at a time

  // Throws std::system_error; the message says which queue and why, as far as the kernel tells.
  explicit NfQueue(const QueueSettings& settings);
  explicit NfQueue(std::uint16_t queue, QueueKind kind = QueueKind::datagrams)
      : NfQueue(QueueSettings{.number = queue, .kind = kind}) {}
  ~NfQueue();
  NfQueue(const NfQueue&) = delete;
  NfQueue& operator=(const NfQueue&) = delete;

  int fd() const;

  std::uint16_t number() const { return settings_.number; }

  // What is there now, at most `limit` packets; never waits. The packets and their storage are
  // valid until the next call. Every one of them needs one of the four below, then settle().
  std::span<QueuedPacket> receive(std::size_t limit = kBatch);
  // Whether the last receive() may have left packets behind.
  bool more() const { return full_; }

  void accept(std::uint32_t id);
  void accept_changed(std::uint32_t id, std::span<const std::byte> packet);
  void drop(std::uint32_t id);
  // To another queue, whoever has it: the kernel hands the packet over as if a rule had sent it
  // there.
  void hand_on(std::uint32_t id, std::uint16_t queue);
  void settle();

  QueueCounters counters() const;
  std::optional<QueueStatus> status() const;  // reads /proc: not for every packet

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  struct Slots;

  void bind_queue();
  void set_options();
  void take(std::span<std::byte> slot, std::size_t length);
  char* reserve(std::size_t size);
  void flush();

  QueueSettings settings_;
  std::unique_ptr<mnl_socket, Close> socket_;
  std::unique_ptr<Slots> slots_;
  std::vector<QueuedPacket> packets_;
  std::vector<char> verdicts_;  // messages to send; a sequence of aligned netlink messages
  std::size_t used_ = 0;
  std::optional<std::uint32_t> last_dropped_;
  bool full_ = false;
  QueueCounters counters_;
};

}  // namespace lvsd
