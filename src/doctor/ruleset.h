// SPDX-License-Identifier: GPL-2.0-or-later
// What `nft -j list ruleset` says about capture: pure functions over its text. iptables' own rules
// are in it, too, unless they are iptables-legacy's: those have a text of their own.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/doctor/evidence.h"
#include "lvsd/net/result.h"

namespace lvsd::doctor {

// Whom rules are looked at for.
struct Sought {
  const Config& config;
  std::set<unsigned> queues;  // that the daemon reads
};

struct RulesetView {
  std::set<std::string> captured;  // services that a rule of lvsd's takes, or another to its queues
  std::vector<ShadowEvidence> shadows;
  bool unnumbered = false;  // a rule queues, but nft does not know where to
};
Result<RulesetView, Error> view_ruleset(std::string_view json, const Sought& sought);

// The same of what iptables-save or ip6tables-save prints, for services of that family; `tool` is
// what it calls itself. Against capture rules that are nft's it knows the order at the late stage
// only, since nothing tells which of two tables with one priority is older.
RulesetView view_saved_rules(std::string_view saved, bool v4, const Sought& sought,
                             std::string_view tool = "iptables-legacy");

// All of that version.
void capture_all(RulesetView& view, const Config& config, bool v4);
// One more service of which a rule (or policy) drops requests, or may.
void add_shadow(RulesetView& view, const std::string& rule, const VirtualService& service,
                bool sure);

}  // namespace lvsd::doctor
