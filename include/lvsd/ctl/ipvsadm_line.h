// SPDX-License-Identifier: GPL-2.0-or-later
// One line of ipvsadm(8)'s language -> its command and options, as `ipvsadm -R` reads it: words are
// separated by white space, the word "ipvsadm" is skipped (so command lines out of a script do),
// short options bundle (-At), values follow their option or are joined to it (-w5, --weight=5).
//
// Rejected: Boost.Program_options, which knows neither a value that may be missing in the middle
// of a line (-p) nor an option's being valid with some commands only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/net/result.h"

namespace lvsd::ctl {

enum class IpvsadmCommand : std::uint8_t {
  add_service,
  edit_service,
  delete_service,
  clear,
  add_server,
  edit_server,
  delete_server,
  set_timeouts,
  sync,       // --start-daemon, --stop-daemon
  restore,    // -R, which reads another file
  no_change,  // -L, -S, -Z and the like: nothing that a configuration could hold
};

struct IpvsadmLine {
  IpvsadmCommand command = IpvsadmCommand::no_change;
  std::map<std::string, std::string, std::less<>> options;  // by long name
  std::vector<std::string> words;                           // the numbers of --set

  bool has(std::string_view name) const { return options.find(name) != options.end(); }
  // The option's value, or `otherwise` where it is not given.
  std::string value(std::string_view name, std::string_view otherwise = {}) const;
};

// Nothing for an empty line and a comment; what is wrong for a line that ipvsadm would refuse.
Result<std::optional<IpvsadmLine>, Error> parse_ipvsadm_line(std::string_view text);

}  // namespace lvsd::ctl
