// SPDX-License-Identifier: GPL-2.0-or-later
// The checks of keepalived.conf(5) -> the nearest of lvsd.yaml's. keepalived allows several for a
// real server, lvsd one: the first is taken.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"
#include "lvsd/ctl/keepalived_blocks.h"

namespace lvsd::ctl {

// What a virtual_server, or a real_server in it, says of all its checks; empty: nothing. Numbers as
// lvsd.yaml has them.
struct CheckRules {
  std::optional<std::chrono::milliseconds> interval, timeout;
  std::string fall, host;
  bool alpha = false, inhibit = false;

  // Whether the statement was one of these. What is wrong with it is a remark.
  bool take(const Block& block, std::vector<Remark>& remarks);
};

bool is_check(const Block& block);
// The key `health`; nothing where lvsd has no such check, after a remark.
std::optional<RuleExtra> read_check(const Block& block, CheckRules rules,
                                    std::vector<Remark>& remarks);

}  // namespace lvsd::ctl
