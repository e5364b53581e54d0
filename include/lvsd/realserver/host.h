// SPDX-License-Identifier: GPL-2.0-or-later
// The edge of `lvsctl realserver`: reads how this host is, carries steps out, takes them back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

HostFacts read_host(const Network& network, const std::string& state_directory);

Status carry_out(const Step& step);
// What is gone already, because its interface is or because somebody else took it away, is no
// failure; nor is what somebody else has put back.
Status take_back(const Step& step);
// Whether the tool complains of nothing but that the host is as `undo` wants it.
bool is_so_already(const std::vector<std::string>& undo, std::string_view complaint);

}  // namespace lvsd::realserver
