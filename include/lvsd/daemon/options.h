// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd's command line.
#pragma once

#include <optional>
#include <string>

#include "lvsd/daemon/log.h"
#include "lvsd/model/service.h"
#include "lvsd/model/time.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct Options {
  std::string config_file = "/etc/lvsd/lvsd.yaml";
  std::string run_dir = "/run/lvsd";  // lock, control socket, record of addresses: one per daemon
  // What outlives a restart. Empty: /var/lib/lvsd, or the run directory where that is another one,
  // so that several daemons do not share it.
  std::string state_dir;
  std::optional<Endpoint> metrics;  // where to answer Prometheus
  LogLevel log_level = LogLevel::info;
  LogTarget log_target = LogTarget::automatic;
  bool check = false, version = false, help = false;
};

std::string state_dir_of(const Options& options);

Result<Options, Error> parse_options(int argc, const char* const* argv);
std::string usage();

}  // namespace lvsd
