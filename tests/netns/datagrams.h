// SPDX-License-Identifier: GPL-2.0-or-later
// What the live tests send and listen with: UDP sockets, a listener for frames, packets as bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/net/address.h"
#include "netns/namespaces.h"

namespace lvsd::test {

class UdpSocket {
 public:
  UdpSocket(const NetworkNamespace& where, const Ipv4Address& address, std::uint16_t port);
  bool send(const std::string& text, const Ipv4Address& to, std::uint16_t port) const;
  struct Datagram {
    std::string text;
    Ipv4Address from;
  };
  std::optional<Datagram> receive(int timeout_ms) const;

 private:
  FileDescriptor fd_;
};

// Every frame that arrives at an interface, from its Ethernet header on.
class FrameListener {
 public:
  FrameListener(const NetworkNamespace& where, const std::string& interface);
  std::optional<std::vector<std::byte>> receive(int timeout_ms) const;  // of EtherType IPv4

 private:
  FileDescriptor fd_;
};

// An IPv4 packet with a UDP datagram, checksums finished (UDP's is left out, which RFC 768 allows).
std::vector<std::byte> udp_packet(const Ipv4Address& from, const Ipv4Address& to,
                                  std::uint16_t port, const std::string& text);

bool readable(int fd, int timeout_ms);

}  // namespace lvsd::test
