// SPDX-License-Identifier: GPL-2.0-or-later
// The edge of `lvsctl realserver`: reads how this host is, carries steps out, takes them back.
#pragma once

#include <string>

#include "lvsd/realserver/plan.h"

namespace lvsd::realserver {

HostFacts read_host(const Network& network, const std::string& state_directory);

Status carry_out(const Step& step);
// What is gone already, because its interface is or because somebody else took it away, is no
// failure.
Status take_back(const Step& step);

}  // namespace lvsd::realserver
