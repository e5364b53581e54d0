// SPDX-License-Identifier: GPL-2.0-or-later
// Settings of the kernel's that are changed for as long as lvsd runs, and put back at its stop.
//
// A director that forwards by the kernel, too, would tell NAT servers by ICMP redirects of ways
// past itself, and their answers would never come back through it. What a setting was before is
// recorded under the run directory before it is changed, so that after a kill the next start still
// knows it. A setting that somebody else has changed meanwhile is theirs, and stays.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"
#include "lvsd/net/result.h"

namespace lvsd {

using SettingValues = std::map<std::string, std::string>;  // by path below /proc/sys

// No redirects from the interfaces that lead to NAT destinations. `all` counts beside each of them:
// either is enough for the kernel. IPv6 has no such setting.
SettingValues settings_for(const Config& config, const Network& network);

struct ChangedSetting {
  std::string before, ours;
  friend bool operator==(const ChangedSetting&, const ChangedSetting&) = default;
};
using ChangedSettings = std::map<std::string, ChangedSetting>;
// One a line, "PATH BEFORE OURS"; lines that say anything else are passed over.
ChangedSettings parse_changed_settings(std::string_view text);
std::string format_changed_settings(const ChangedSettings& changed);

class HostSettings {
 public:
  explicit HostSettings(std::string run_dir, std::string root = "/proc/sys/");
  // Makes the kernel hold these, and puts back what is no longer wanted.
  Status want(const SettingValues& wanted);
  Status restore() { return want({}); }

 private:
  Status save() const;
  std::string file_, root_;
  ChangedSettings changed_;
};

}  // namespace lvsd
