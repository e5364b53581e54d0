// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl plan: a plan laid out for people. It comes as the JSON that the daemon sends, or that the
// same code makes of two files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lvsd::ctl {

// A line for each change with + ~ - in front; green, yellow and red where `colours`. Throws
// nlohmann::json::exception where that is no plan.
std::string format_plan(const nlohmann::json& plan, bool colours);

}  // namespace lvsd::ctl
