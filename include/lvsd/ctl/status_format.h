// SPDX-License-Identifier: GPL-2.0-or-later
// `lvsctl status` for people, from the daemon's JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lvsd::ctl {

// Throws nlohmann::json::exception where the daemon's status is not of this version's form.
std::string format_status(const nlohmann::json& status);
// Its last part: what became of packets.
std::string format_packets(const nlohmann::json& packets);

}  // namespace lvsd::ctl
