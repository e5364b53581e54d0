// SPDX-License-Identifier: GPL-2.0-or-later
// The words of `lvsctl realserver`, and what they ask for.
#pragma once

#include <string>
#include <vector>

#include "lvsd/ctl/options.h"
#include "lvsd/realserver/plan.h"

namespace lvsd::ctl {

boost::program_options::options_description describe_realserver();
// The values of one that may be given several times.
std::vector<std::string> list(const ParsedOptions& options, const char* name);
Result<realserver::Wanted, Error> wanted(const ParsedOptions& options, const Network& network);

}  // namespace lvsd::ctl
