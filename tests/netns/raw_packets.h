// SPDX-License-Identifier: GPL-2.0-or-later
// IPv4 packets of any kind, sent through a raw socket: what the capture rules are to tell apart.
#pragma once

#include <cstdint>
#include <vector>

#include "lvsd/net/address.h"
#include "netns/namespaces.h"

namespace lvsd::test {

struct RawPacket {
  std::uint8_t protocol = 0;
  Ipv4Address source, destination;
  std::vector<std::uint8_t> payload;  // from the layer-4 header on
  std::uint16_t fragment = 0;         // flags and offset as in the header, host order
};

std::vector<std::uint8_t> udp_payload(std::uint16_t source_port, std::uint16_t destination_port);
std::vector<std::uint8_t> tcp_syn(std::uint16_t source_port, std::uint16_t destination_port);
std::vector<std::uint8_t> icmp_payload(std::uint8_t type);  // with a right checksum

class RawSender {
 public:
  explicit RawSender(const NetworkNamespace& where);
  void send(const RawPacket& packet) const;  // throws where the kernel refuses it

 private:
  FileDescriptor fd_;
};

}  // namespace lvsd::test
