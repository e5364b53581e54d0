// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd's command line.
#pragma once

#include <string>

#include "lvsd/daemon/log.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct Options {
  std::string config_file = "/etc/lvsd/lvsd.yaml";
  std::string run_dir = "/run/lvsd";  // lock, control socket, record of addresses: one per daemon
  LogLevel log_level = LogLevel::info;
  LogTarget log_target = LogTarget::automatic;
  bool check = false, version = false, help = false;
};

Result<Options, Error> parse_options(int argc, const char* const* argv);
std::string usage();

}  // namespace lvsd
