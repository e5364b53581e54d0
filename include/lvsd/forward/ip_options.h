// SPDX-License-Identifier: GPL-2.0-or-later
// What a router does to the options of an IPv4 header that it receives (RFC 791, RFC 1812 section
// 5.2.4), as the kernel's stack does before IPVS sees the packet. Captured earlier than that, in
// PREROUTING, lvsd has to do it itself: record-route and timestamps are filled in, malformed
// options are refused, and so is a source route, which Linux obeys only where somebody asks it to
// (net.ipv4.conf.*.accept_source_route). Each rule was observed in a kernel; CIPSO labels, which it
// reads, are passed on unread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lvsd/model/network.h"

namespace lvsd {

// Why a packet cannot be passed on.
struct OptionFault {
  bool source_route = false;  // else malformed:
  std::uint8_t pointer = 0;   // the byte at fault, for ICMP's parameter problem
};
std::optional<OptionFault> find_fault(std::span<const std::byte> packet);

// What is filled in.
struct OptionValues {
  Ipv4Address route;               // into record-route
  Ipv4Address stamp;               // beside a timestamp
  std::uint32_t milliseconds = 0;  // since midnight UT
};
// Of a packet without a fault. `network` says which addresses of a prespecified list are ours.
void fill_options(std::span<std::byte> packet, const OptionValues& values, const Network& network);

bool has_options(std::span<const std::byte> packet);  // an IPv4 header above 20 bytes

// The checksum of a header that the local stack has filled in, which it leaves as it was.
void renew_header_checksum(std::span<std::byte> packet);

}  // namespace lvsd
