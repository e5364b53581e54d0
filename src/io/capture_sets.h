// SPDX-License-Identifier: GPL-2.0-or-later
// What the texts of both packet filters share: the groups of addresses that a plan has, and what
// their sets are called.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/io/capture_text.h"

namespace lvsd {

// Whole protocols of the addresses in one list.
struct ProtocolGroup {
  std::string_view name;  // its set, without prefix and version of IP
  std::vector<IpAddress> CaptureSide::*addresses;
};
inline constexpr std::array<ProtocolGroup, 4> kProtocolGroups{{{"tcp", &CaptureSide::tcp},
                                                               {"udp", &CaptureSide::udp},
                                                               {"sctp", &CaptureSide::sctp},
                                                               {"ipsec", &CaptureSide::ipsec}}};

std::string_view protocol_name(ServiceProtocol protocol);  // as both tools have it
// "services4", "nat-tcp6"; `stem` is ports, addresses or the name of a group.
std::string set_name(std::string_view stem, IpFamily family, bool replies);
inline constexpr std::string_view kPortStem = "ports", kAddressStem = "addresses";

using DescribeMember = std::string (*)(const ServiceKey&);
std::vector<TextSet> family_sets(const FamilyPlan& plan, IpFamily family, std::string_view prefix,
                                 DescribeMember describe);

}  // namespace lvsd
