// SPDX-License-Identifier: GPL-2.0-or-later
// Packets of a running daemon as they pass, page by page, for `lvsctl trace` and `lvsctl capture`.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lvsd/ctl/client.h"
#include "lvsd/ctl/options.h"
#include "lvsd/model/time.h"

namespace lvsd::ctl {

// --service, --client, --destination, --verdict, --count and --run-dir.
void add_tap_options(boost::program_options::options_description& table);

class TapClient {
 public:
  TapClient(std::string command, const ParsedOptions& parsed);

  // Calls `seen` with each packet, as the control socket has it, until so many were seen, `seen`
  // says false, or the daemon is gone; returns the exit status. What was missed is said on standard
  // error.
  int listen(const std::function<bool(const nlohmann::json&)>& seen);

 private:
  std::string command_, run_dir_;
  bool json_;  // a refusal, too: a line
  Request request_{Command::trace};
  std::optional<std::uint64_t> count_;
};

// "1700000000.5" as the control socket writes times; the epoch where it is none.
TimePoint wall_time(const nlohmann::json& packet);

}  // namespace lvsd::ctl
