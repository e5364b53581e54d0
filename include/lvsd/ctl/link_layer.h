// SPDX-License-Identifier: GPL-2.0-or-later
// From a captured frame to the IP packet that the director would have been handed, or the reason
// why it would not have been: NFQUEUE hands over IP packets that arrived for this host, cut to
// their total length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "lvsd/io/pcap_reader.h"
#include "lvsd/model/network.h"

namespace lvsd::ctl {

enum class Skip : std::uint8_t {
  sent_by_director,
  other_machine,
  group_address,
  arp,
  vlan,
  other_ethertype,
  short_frame,
  cut_in_headers,
};
inline constexpr std::size_t kSkips = 8;
std::string_view to_string(Skip skip);  // "sent-by-director"
std::string_view explain(Skip skip);    // one sentence

struct Arrival {
  std::span<const std::byte> packet;  // from the IP header on, as much as was captured
  std::size_t length = 0;             // what it was on the wire
  std::string interface;              // the one that it arrived by; empty where nothing tells
  bool cut() const { return packet.size() < length; }
};

std::variant<Arrival, Skip> arrive(const CapturedFrame& frame, LinkType type,
                                   const Network& network);

// A cut packet as it can be decided: zeros for what is missing, and an ICMP sum that is right,
// since nobody can say that it was wrong. `storage` is as long as the packet was and starts with
// it.
void complete(std::span<std::byte> storage);

}  // namespace lvsd::ctl
