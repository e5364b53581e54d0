// SPDX-License-Identifier: GPL-2.0-or-later
// What a new configuration would do to recorded traffic: the capture runs through the director
// three times, by the old file, by the new one, and by the old one with a reload in between.
//
// A connection is one that begins in the capture (a SYN, a first datagram): its client, its virtual
// end, and the how-manieth of these it is. It goes elsewhere where the old and the new file, each
// from the start, give it another destination, or one of them none. It is hit in mid-life where it
// has packets on both sides of the reload, and those behind it do not go where those before went.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/ctl/capture_run.h"

namespace lvsd::ctl {

struct TrafficSettings {
  std::string old_file, new_file, pcap, network;
  std::optional<CaptureTime> at;  // of the reload; none: half-way
};

struct DestinationShare {
  std::string destination;  // "refused: no-destination" where it got none
  std::uint64_t before = 0, after = 0;
};
struct ServiceTraffic {
  std::string name;
  std::uint64_t connections = 0, elsewhere = 0, mid_life = 0;
  std::vector<DestinationShare> shares;  // by name
};
struct TrafficPlan {
  std::uint64_t connections = 0, elsewhere = 0, mid_life = 0;
  std::vector<ServiceTraffic> services;  // by name
  double share() const {
    return connections == 0 ? 0 : static_cast<double>(elsewhere) / static_cast<double>(connections);
  }
};

// Nothing where a file could not be read, which is printed.
std::optional<TrafficPlan> plan_traffic(const TrafficSettings& settings);

std::string format_traffic(const TrafficPlan& plan);
nlohmann::json to_json(const TrafficPlan& plan);
// One page that needs nothing else: the plan, and each service's distribution before and after.
std::string report_page(const TrafficPlan& traffic, const nlohmann::json& plan,
                        const std::string& old_file, const std::string& new_file);

}  // namespace lvsd::ctl
