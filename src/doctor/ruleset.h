// SPDX-License-Identifier: GPL-2.0-or-later
// What `nft -j list ruleset` says about capture: pure functions over its text. iptables' own rules
// are in it, too, unless they are iptables-legacy's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/net/result.h"

namespace lvsd::doctor {

struct RulesetView {
  bool captures_v4 = false, captures_v6 = false;  // a rule of lvsd's, or any that queues
  std::vector<std::string> shadows;
};
Result<RulesetView, Error> view_ruleset(std::string_view json, const Config& config);

// Of `iptables-save`, where nft shows nothing of it.
bool legacy_captures(std::string_view saved);

}  // namespace lvsd::doctor
