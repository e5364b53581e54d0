// SPDX-License-Identifier: GPL-2.0-or-later
// A NETLINK_ROUTE socket (libmnl). The kernel handles a request inside the call that sends it, so
// waiting for an answer or for the parts of a dump waits for the kernel's own locks and nothing
// else.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <vector>

#include "lvsd/io/kernel_tables.h"
#include "lvsd/io/rtnetlink.h"

struct mnl_socket;

namespace lvsd {

// A request under construction: header, the family's own struct, attributes. Fixed room, which
// every request of ours fits in.
class NetlinkRequest {
 public:
  template <class Header>
  NetlinkRequest(std::uint16_t type, int flags, const Header& header)
      : NetlinkRequest(type, flags, &header, sizeof(Header)) {}
  void put(std::uint16_t attribute, const void* value, std::size_t size);
  void put(std::uint16_t attribute, std::uint32_t value) { put(attribute, &value, sizeof(value)); }
  void put(std::uint16_t attribute, const IpAddress& address);
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }

 private:
  NetlinkRequest(std::uint16_t type, int flags, const void* header, std::size_t size);
  alignas(nlmsghdr) std::array<char, 256> buffer_{};
};

class NetlinkSocket {
 public:
  NetlinkSocket();  // throws std::system_error
  ~NetlinkSocket();
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  int fd() const;
  bool join(int group);                    // false where the kernel does not know it
  void enlarge_receive_buffer(int bytes);  // as far as we may

  enum class Receipt : std::uint8_t { message, nothing, overrun };
  // The next datagram; never waits. `overrun`: the kernel had to throw messages away.
  Receipt receive(std::vector<std::byte>& datagram);

  int send(NetlinkRequest& request);  // an errno value, 0: sent
  // Sends and reads until the kernel has answered; what came beside the answer is appended to
  // `replies`. An errno value: 0 is success.
  int transact(NetlinkRequest& request, std::vector<NetlinkValue>* replies = nullptr);
  // A whole table. Where the table changed meanwhile (NLM_F_DUMP_INTR) it is read again, a few
  // times; after that what came is taken, as whatever changed also sent a notification. An errno
  // value.
  int dump(KernelTable table, std::vector<NetlinkValue>& out);

 private:
  int dump_once(KernelTable table, std::vector<NetlinkValue>& out, bool& interrupted);
  int collect(std::uint32_t sequence, std::vector<NetlinkValue>* replies, bool& interrupted);
  mnl_socket* socket_ = nullptr;
  std::uint32_t sequence_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace lvsd
