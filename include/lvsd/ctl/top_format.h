// SPDX-License-Identifier: GPL-2.0-or-later
// One screen of `lvsctl top`: lines that fit it, none wider or more than it has.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lvsd/control/listing.h"

namespace lvsd::ctl {

struct Screen {
  std::size_t rows = 24, columns = 80;
};
// `before`: the status of `seconds` ago, null at first. Throws json::exception where a status is
// not one of the daemon's.
std::vector<std::string> top_lines(const Listing& listing, const nlohmann::json& status,
                                   const nlohmann::json& before, double seconds, Screen screen);

}  // namespace lvsd::ctl
