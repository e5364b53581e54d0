// SPDX-License-Identifier: GPL-2.0-or-later
// IP packets of any kind, sent through a raw socket: what the capture rules are to tell apart.
#pragma once

#include <cstdint>
#include <vector>

#include "lvsd/net/address.h"
#include "netns/namespaces.h"

namespace lvsd::test {

struct RawPacket {
  std::uint8_t protocol = 0;
  IpAddress source, destination;      // both of one version
  std::vector<std::uint8_t> payload;  // from the layer-4 header on
  // Flags and offset as in the IPv4 header, host order; of IPv6, a fragment header says the same.
  std::uint16_t fragment = 0;
};

std::vector<std::uint8_t> udp_payload(std::uint16_t source_port, std::uint16_t destination_port);
std::vector<std::uint8_t> tcp_syn(std::uint16_t source_port, std::uint16_t destination_port);
std::vector<std::uint8_t> icmp_payload(std::uint8_t type);  // with a right checksum

class RawSender {
 public:
  explicit RawSender(const NetworkNamespace& where);
  void send(const RawPacket& packet) const;  // throws where the kernel refuses it

 private:
  FileDescriptor v4_, v6_;
};

}  // namespace lvsd::test
