// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/nfqueue.h"

#include <netinet/in.h>
// Before linux/netfilter.h, which would otherwise define its own in_addr.
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/sock_diag.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>
#include <system_error>

#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

// The kernel counts some 1 KiB to 3 KiB per packet against the buffer, which it makes twice as
// large as asked for: so a queue of small packets is full before its buffer is.
constexpr std::uint32_t kBufferPerPacket = 2048;
constexpr std::uint32_t kLeastBuffer = 1U << 20U, kMostBuffer = 1U << 30U;
constexpr int kSendBuffer = 1 << 20;  // one verdict carries up to 64 KiB of packet
constexpr std::uint32_t kCopyRange = 0xffff;

// Netlink headers and attributes in front of the payload take less than 256 bytes without the
// attributes that we do not ask for. A slot is no multiple of the page size, or all slots would
// start in the same cache sets.
constexpr std::size_t kMessage = 0xffff + 513;
constexpr std::size_t kSlot = (kPacketHeadroom + kMessage + 64) / 64 * 64;
static_assert(kSlot % 4096 != 0 && kSlot - kPacketHeadroom >= kMessage);

constexpr std::size_t kVerdictBuffer = 128 << 10;
constexpr std::size_t kVerdictSize =
    NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg)) + NLA_HDRLEN + sizeof(nfqnl_msg_verdict_hdr);

[[noreturn]] void throw_errno(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), what);
}

// The namespace of the calling thread, which is where the socket was made.
std::optional<QueueStatus> read_status(std::uint16_t queue) {
  const auto table = read_text_file("/proc/thread-self/net/netfilter/nfnetlink_queue");
  return parse_queue_status(table.value_or(""), queue);
}

// The kernel answers EPERM both to strangers and to a second owner: its list of queues tells which.
[[noreturn]] void throw_bind_error(int error, std::uint16_t queue) {
  const std::string name = "queue " + std::to_string(queue);
  if (error == EBUSY || error == EEXIST || (error == EPERM && read_status(queue))) {
    throw_errno(EBUSY, name + " is taken by another program");
  }
  if (error == EPERM) throw_errno(error, name + " cannot be bound without CAP_NET_ADMIN");
  if (error == EINVAL || error == EOPNOTSUPP) {
    throw_errno(error, name + " cannot be bound: this kernel may lack nfnetlink_queue");
  }
  throw_errno(error, name + " cannot be bound");
}

}  // namespace

// What recvmmsg works on. The receive loop only resets what the kernel overwrites.
struct NfQueue::Slots {
  std::unique_ptr<std::byte[]> memory{new std::byte[kBatch * kSlot]};  // untouched until used
  std::array<sockaddr_nl, kBatch> senders{};
  std::array<iovec, kBatch> pieces{};
  std::array<mmsghdr, kBatch> messages{};

  Slots() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces[i] = {.iov_base = slot(i).data() + kPacketHeadroom,
                   .iov_len = kSlot - kPacketHeadroom};
      messages[i].msg_hdr.msg_name = &senders[i];
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::span<std::byte> slot(std::size_t i) const { return {memory.get() + i * kSlot, kSlot}; }
};

void NfQueue::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

NfQueue::NfQueue(const QueueSettings& settings) : settings_(settings), verdicts_(kVerdictBuffer) {
  socket_.reset(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (!socket_) throw_errno(errno, "opening a netfilter socket");
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    throw_errno(errno, "binding a netfilter socket");
  }
  set_options();
  slots_ = std::make_unique<Slots>();
  packets_.reserve(kBatch);
  bind_queue();
}

NfQueue::~NfQueue() = default;

int NfQueue::fd() const { return mnl_socket_get_fd(socket_.get()); }

// None of these is worth refusing to start for: each has a fallback, or only saves work.
void NfQueue::set_options() {
  const int on = 1;
  const auto buffer = static_cast<int>(
      std::clamp(std::min(settings_.length, kMostBuffer / kBufferPerPacket) * kBufferPerPacket,
                 kLeastBuffer, kMostBuffer));
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0) {
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  }
  if (setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) < 0) {
    setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
  setsockopt(fd(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  setsockopt(fd(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);  // errors need not quote packets
}

void NfQueue::bind_queue() {
  std::array<char, 256> buffer{};
  nlmsghdr* message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, settings_.number);
  message->nlmsg_flags |= NLM_F_ACK;
  nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
  nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, kCopyRange);
  nfq_nlmsg_cfg_put_qmaxlen(message, settings_.length);
  const std::uint32_t flags =
      (settings_.kind == QueueKind::streams ? std::uint32_t{NFQA_CFG_F_GSO} : 0U) |
      (settings_.fail_open ? std::uint32_t{NFQA_CFG_F_FAIL_OPEN} : 0U);
  if (flags != 0) {
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(flags));
  }
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) {
    throw_bind_error(errno, settings_.number);
  }
  // With rules in place packets may come before the answer does: those are left without a verdict,
  // so the first batch verdict drops them, as the kernel dropped all before them.
  while (true) {
    std::span<std::byte> slot = slots_->slot(0);
    const ssize_t length = mnl_socket_recvfrom(socket_.get(), slot.data(), slot.size());
    if (length < 0) throw_bind_error(errno, settings_.number);
    nlmsghdr header;
    std::memcpy(&header, slot.data(), sizeof header);
    if (static_cast<std::size_t>(length) < sizeof header || header.nlmsg_type != NLMSG_ERROR)
      continue;
    nlmsgerr answer{};
    std::memcpy(&answer, slot.data() + NLMSG_HDRLEN, sizeof answer);
    if (answer.error == 0) return;
    throw_bind_error(-answer.error, settings_.number);
  }
}

std::span<QueuedPacket> NfQueue::receive(std::size_t limit) {
  packets_.clear();
  limit = std::min(limit, kBatch);
  for (mmsghdr& message : std::span(slots_->messages).first(limit)) {
    message.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  }
  const int count =
      recvmmsg(fd(), slots_->messages.data(), static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
  full_ = count == static_cast<int>(limit);
  if (count < 0) {
    if (errno == ENOBUFS) ++counters_.overruns;  // a kernel without NETLINK_NO_ENOBUFS
    return {};
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    // Another program with CAP_NET_ADMIN could write to this socket: only the kernel is believed.
    if (slots_->senders[i].nl_pid == 0) take(slots_->slot(i), slots_->messages[i].msg_len);
  }
  return packets_;
}

void NfQueue::take(std::span<std::byte> slot, std::size_t length) {
  const auto bytes = slot.subspan(kPacketHeadroom, std::min(length, slot.size() - kPacketHeadroom));
  const auto message = parse_queue_message(bytes);
  if (!message) {
    ++counters_.refused;  // nothing else is ever sent to us but errors
    return;
  }
  ++counters_.received;
  if (message->cut) {
    ++counters_.truncated;
    drop(message->id);
    return;
  }
  packets_.push_back(QueuedPacket{
      .id = message->id,
      .protocol = message->protocol,
      .hook = message->hook,
      .in = message->in,
      .mark = message->mark,
      .packet = PacketBuffer(slot.first(kPacketHeadroom + message->begin + message->size),
                             kPacketHeadroom + message->begin, message->size)});
  packets_.back().packet.set_mark(message->mark);
  packets_.back().packet.set_arrival(message->in);
  packets_.back().packet.set_offload(message->offload);
}

// Room for one more message at the end of those to send.
char* NfQueue::reserve(std::size_t size) {
  if (size > verdicts_.size() - used_) flush();
  return verdicts_.data() + used_;
}

void NfQueue::accept(std::uint32_t id) {
  nlmsghdr* message = nfq_nlmsg_put(reserve(kVerdictSize), NFQNL_MSG_VERDICT, settings_.number);
  nfq_nlmsg_verdict_put(message, static_cast<int>(id), NF_ACCEPT);
  used_ += message->nlmsg_len;
}

void NfQueue::accept_changed(std::uint32_t id, std::span<const std::byte> packet) {
  char* room = reserve(kVerdictSize + NLA_HDRLEN + NLA_ALIGN(packet.size()));
  nlmsghdr* message = nfq_nlmsg_put(room, NFQNL_MSG_VERDICT, settings_.number);
  nfq_nlmsg_verdict_put(message, static_cast<int>(id), NF_ACCEPT);
  nfq_nlmsg_verdict_put_pkt(message, packet.data(), static_cast<std::uint32_t>(packet.size()));
  used_ += message->nlmsg_len;  // a multiple of four: libmnl pads each attribute
}

void NfQueue::hand_on(std::uint32_t id, std::uint16_t queue) {
  nlmsghdr* message = nfq_nlmsg_put(reserve(kVerdictSize), NFQNL_MSG_VERDICT, settings_.number);
  nfq_nlmsg_verdict_put(message, static_cast<int>(id),
                        static_cast<int>((std::uint32_t{queue} << 16U) | NF_QUEUE));
  used_ += message->nlmsg_len;
}

// The highest id stands for all below it; ids wrap.
void NfQueue::drop(std::uint32_t id) {
  if (!last_dropped_ || static_cast<std::int32_t>(id - *last_dropped_) > 0) last_dropped_ = id;
}

void NfQueue::settle() {
  if (last_dropped_) {
    nlmsghdr* message =
        nfq_nlmsg_put(reserve(kVerdictSize), NFQNL_MSG_VERDICT_BATCH, settings_.number);
    nfq_nlmsg_verdict_put(message, static_cast<int>(*last_dropped_), NF_DROP);
    used_ += message->nlmsg_len;
    last_dropped_.reset();
  }
  flush();
}

// A send that fails leaves its packets to the next batch verdict: dropped, and the loss is counted.
void NfQueue::flush() {
  if (used_ == 0) return;
  if (mnl_socket_sendto(socket_.get(), verdicts_.data(), used_) < 0) ++counters_.refused;
  used_ = 0;
}

QueueCounters NfQueue::counters() const {
  QueueCounters out = counters_;
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) == 0) {
    out.overruns += info[SK_MEMINFO_DROPS];
  }
  return out;
}

std::optional<QueueStatus> NfQueue::status() const { return read_status(settings_.number); }

}  // namespace lvsd
