// SPDX-License-Identifier: GPL-2.0-or-later
// What stands in the braces of a virtual_server of keepalived.conf(5).
#pragma once

#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"
#include "lvsd/ctl/keepalived_blocks.h"

namespace lvsd::ctl {

// All of the service but where it listens, which decides which of the netmasks counts, and which
// ports are others than the service's; destinations in the file's order, with port 0 where they
// have the service's.
struct VirtualServer {
  RuleService service;
  std::uint32_t netmask = 32, netmask6 = 128;
  bool says_protocol = false;
  Port sorry_port;  // of a sorry_server that cannot have one of its own
  Remark sorry;     // its statement
};

// What cannot be carried over is among the remarks.
VirtualServer read_virtual_server(const Block& block, std::vector<Remark>& remarks);

}  // namespace lvsd::ctl
