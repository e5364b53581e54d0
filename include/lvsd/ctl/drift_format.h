// SPDX-License-Identifier: GPL-2.0-or-later
// What `lvsctl drift` shows. Throws json::exception where the reply is not one of the daemon's.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lvsd::ctl {

std::string format_drift(const nlohmann::json& reply);
std::string format_span(std::int64_t seconds);  // "1d 2h", "3h 20m", "5m 10s", "7s"

}  // namespace lvsd::ctl
