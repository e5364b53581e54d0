// SPDX-License-Identifier: GPL-2.0-or-later
// The sockets that tunnel packets come in by, and the ones that refusals leave by. Of each version
// of IP that a director uses: raw sockets for IPv4 in IP, IPv6 in IP and GRE, as far as they are
// wanted, and a UDP socket for each port of GUE. A raw socket gets a copy of each such packet of
// this host, those of the kernel's own tunnels included, so none is opened for what cannot be
// delivered.
#pragma once

#include <array>
#include <vector>

#include "decap/decapsulate.h"
#include "lvsd/io/file_descriptor.h"

namespace lvsd::decap {

struct Tunnels {
  bool ipip = true, gre = true;
  std::vector<Port> gue_ports;
};

class Sources {
 public:
  // Throws std::system_error.
  Sources(const Trust& trust, const Tunnels& tunnels);

  std::size_t size() const { return sources_.size(); }
  int fd(std::size_t index) const { return sources_[index].socket.get(); }
  // One packet of that socket, as long as the next call; never waits. `nothing`: there is none.
  enum class Receipt : std::uint8_t { arrival, malformed, nothing };
  Receipt receive(std::size_t index, Arrival& arrival);
  void answer(const IpAddress& to, const std::vector<std::byte>& message);

 private:
  struct Source {
    FileDescriptor socket;
    IpProtocol protocol = IpProtocol::ipip;
    bool v4 = true;
    Port port = {};
  };
  void add(bool v4, IpProtocol protocol, Port port);

  std::vector<Source> sources_;
  FileDescriptor icmp_, icmpv6_;
  std::array<std::byte, 65536> buffer_{};
};

}  // namespace lvsd::decap
