// SPDX-License-Identifier: GPL-2.0-or-later
// What `nft -j list ruleset` says about capture: pure functions over its text. iptables' own rules
// are in it, too, unless they are iptables-legacy's: those have a text of their own.
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

// The same of what iptables-legacy-save or ip6tables-legacy-save prints, for services of that
// family. Against capture rules that are nft's it knows the order at the late stage only, since
// nothing tells which of two tables with one priority is older.
RulesetView view_saved_rules(std::string_view saved, bool v4, const Config& config);

}  // namespace lvsd::doctor
