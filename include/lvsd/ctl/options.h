// SPDX-License-Identifier: GPL-2.0-or-later
// Words to options, the same for every command: no abbreviations, no words that nobody reads,
// --help printed on standard output with status 0, mistakes on standard error with status 2.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lvsd/ctl/commands.h"

namespace lvsd::ctl {

struct ParsedOptions {
  boost::program_options::variables_map values;
  Words rest;                      // the words that belong to no option
  std::optional<int> exit_status;  // set: the command is over

  bool has(const char* name) const { return values.count(name) != 0; }
  std::string text(const char* name) const {  // empty where not given
    return has(name) ? values[name].as<std::string>() : std::string();
  }
};

// Whether the command takes words that belong to no option.
enum class Rest : std::uint8_t { refused, taken };
// `usage` is what --help prints above the options: "lvsctl check [-c FILE]" and a sentence.
ParsedOptions parse_options(std::string_view command, std::string_view usage, const Words& words,
                            boost::program_options::options_description options,
                            Rest rest = Rest::refused);

// "lvsctl COMMAND: MESSAGE; see lvsctl COMMAND --help"; returns kUsage.
int usage_error(std::string_view command, std::string_view message);

}  // namespace lvsd::ctl
