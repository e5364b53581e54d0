// SPDX-License-Identifier: GPL-2.0-or-later
// Rules from one language into another, without files or a terminal.
//
// A line is carried over whole or left out whole, with a remark: what is in the result behaves as
// it did. What lvsd.yaml can hold is not written down here a second time: the loader is asked, line
// by line, and its refusal is the remark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"
#include "lvsd/ctl/keepalived_blocks.h"
#include "lvsd/model/config.h"

namespace lvsd::ctl {

struct Converted {
  std::string text;
  std::vector<Remark> left_out;  // by line
};

// Rules, of whatever language -> lvsd.yaml.
Converted rules_to_lvsd(Rules rules);

// What keepalived and ldirectord make of their files in the kernel, where they add services and
// servers in the order of the file.
Rules read_keepalived(std::string_view text, const Include& include);
Rules read_ldirectord(std::string_view text);

// ipvsadm's lines -> lvsd.yaml, destinations newest first.
Converted ipvsadm_to_lvsd(std::string_view text);

// A configuration -> `ipvsadm -S -n` lines, destinations in reverse, since the kernel walks them
// from the last one added.
Converted lvsd_to_ipvsadm(const Config& config);

}  // namespace lvsd::ctl
