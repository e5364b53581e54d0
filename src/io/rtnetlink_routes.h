// SPDX-License-Identifier: GPL-2.0-or-later
// The part of parse_netlink that turns routes and routing rules into what the model holds of them.
#pragma once

#include "lvsd/io/rtnetlink.h"
#include "netlink_attributes.h"

namespace lvsd {

std::optional<NetlinkValue> parse_route(bool removed, Bytes payload);
std::optional<NetlinkValue> parse_rule(bool removed, Bytes payload);

}  // namespace lvsd
