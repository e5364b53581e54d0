// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "lvsd/net/result.h"

namespace lvsd {
namespace {

// The kernel fills parts of a dump up to 32 KiB when it is offered that much, and no single message
// of ours is longer but a link's with hundreds of virtual functions.
constexpr std::size_t kReceiveSize = std::size_t{64} << 10U;
constexpr int kDumpTries = 5;

// Requests carry the family's full header, all zero: both families, no filter.
NetlinkRequest dump_request(KernelTable table) {
  constexpr int kFlags = NLM_F_REQUEST | NLM_F_DUMP;
  switch (table) {
    case KernelTable::links: {
      NetlinkRequest request(RTM_GETLINK, kFlags, ifinfomsg{});
      request.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
      return request;
    }
    case KernelTable::addresses:
      return {RTM_GETADDR, kFlags, ifaddrmsg{}};
    case KernelTable::routes:
      return {RTM_GETROUTE, kFlags, rtmsg{}};
    case KernelTable::rules:
      return {RTM_GETRULE, kFlags, fib_rule_hdr{}};
    case KernelTable::neighbors:
      break;
  }
  return {RTM_GETNEIGH, kFlags, ndmsg{}};
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, int flags, const void* header,
                               std::size_t size) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer_.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(flags);
  std::memcpy(mnl_nlmsg_put_extra_header(message, size), header, size);
}

void NetlinkRequest::put(std::uint16_t attribute, const void* value, std::size_t size) {
  LVSD_ASSERT(mnl_attr_put_check(header(), buffer_.size(), attribute, size, value));
}

void NetlinkRequest::put(std::uint16_t attribute, const IpAddress& address) {
  if (address.is_v4()) {
    put(attribute, address.v4().bytes().data(), 4);
  } else {
    put(attribute, address.bytes().data(), 16);
  }
}

NetlinkSocket::NetlinkSocket() : buffer_(kReceiveSize) {
  socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket_ == nullptr) throw std::system_error(errno, std::generic_category(), "rtnetlink");
  if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
    const int error = errno;
    mnl_socket_close(socket_);
    throw std::system_error(error, std::generic_category(), "rtnetlink: bind");
  }
  // The answer is there when the request has been sent; this is against a kernel that lost it.
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

NetlinkSocket::~NetlinkSocket() { mnl_socket_close(socket_); }

int NetlinkSocket::fd() const { return mnl_socket_get_fd(socket_); }

bool NetlinkSocket::join(int group) {
  return mnl_socket_setsockopt(socket_, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0;
}

void NetlinkSocket::enlarge_receive_buffer(int bytes) {
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));  // up to net.core.rmem_max
  }
}

NetlinkSocket::Receipt NetlinkSocket::receive(std::vector<std::byte>& datagram) {
  datagram.resize(kReceiveSize);
  for (;;) {
    const ssize_t size = recv(fd(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == ENOBUFS ? Receipt::overrun : Receipt::nothing;
    if (static_cast<std::size_t>(size) > datagram.size()) return Receipt::overrun;  // cut: lost too
    datagram.resize(static_cast<std::size_t>(size));
    return Receipt::message;
  }
}

int NetlinkSocket::send(NetlinkRequest& request) {
  request.header()->nlmsg_seq = ++sequence_;
  const ssize_t sent = mnl_socket_sendto(socket_, request.header(), request.header()->nlmsg_len);
  return sent < 0 ? errno : 0;
}

int NetlinkSocket::transact(NetlinkRequest& request, std::vector<NetlinkValue>* replies) {
  request.header()->nlmsg_flags |= NLM_F_ACK;
  if (const int error = send(request); error != 0) return error;
  bool interrupted = false;
  return collect(sequence_, replies, interrupted);
}

int NetlinkSocket::dump(KernelTable table, std::vector<NetlinkValue>& out) {
  int error = 0;
  bool interrupted = true;
  for (int i = 0; i < kDumpTries && interrupted && error == 0; ++i) {
    interrupted = false;
    out.clear();
    error = dump_once(table, out, interrupted);
  }
  return error;
}

int NetlinkSocket::dump_once(KernelTable table, std::vector<NetlinkValue>& out, bool& interrupted) {
  NetlinkRequest request = dump_request(table);
  if (const int error = send(request); error != 0) return error;
  return collect(sequence_, &out, interrupted);
}

// Reads until the answer to `sequence`, or the end of its dump. Answers to earlier requests, which
// nobody waited for, are passed over.
int NetlinkSocket::collect(std::uint32_t sequence, std::vector<NetlinkValue>* replies,
                           bool& interrupted) {
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    NetlinkReader reader({buffer_.data(), static_cast<std::size_t>(size)});
    while (const std::optional<NetlinkMessage> message = reader.next()) {
      if (message->sequence != sequence) continue;
      interrupted |= (message->flags & NLM_F_DUMP_INTR) != 0;
      const std::optional<NetlinkValue> value = parse_netlink(*message);
      if (!value) continue;  // malformed: as if it had not been there
      if (const auto* done = std::get_if<NetlinkDone>(&*value)) return done->error;
      if (const auto* answer = std::get_if<NetlinkAnswer>(&*value)) return answer->error;
      if (replies != nullptr) replies->push_back(*value);
    }
  }
}

}  // namespace lvsd
