// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/options.h"

#include <iostream>

namespace lvsd::ctl {

namespace po = boost::program_options;

ParsedOptions parse_options(std::string_view command, std::string_view usage, const Words& words,
                            po::options_description options, Rest rest) {
  options.add_options()("help,h", "print this and exit");
  constexpr auto kStyle = static_cast<po::command_line_style::style_t>(
      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing);
  ParsedOptions parsed;
  try {
    const auto read = po::command_line_parser(words).options(options).style(kStyle).run();
    for (const auto& option : read.options) {
      if (option.position_key < 0) continue;  // a word that belongs to no option
      if (rest == Rest::taken) {
        parsed.rest.insert(parsed.rest.end(), option.value.begin(), option.value.end());
        continue;
      }
      parsed.exit_status = usage_error(command, "what is " + option.value.at(0) + "?");
      return parsed;
    }
    po::store(read, parsed.values);
    po::notify(parsed.values);
  } catch (const po::error& error) {
    parsed.exit_status = usage_error(command, error.what());
    return parsed;
  }
  if (parsed.has("help")) {
    std::cout << "usage: " << usage << "\n" << options;
    parsed.exit_status = kFine;
  }
  return parsed;
}

int usage_error(std::string_view command, std::string_view message) {
  std::cerr << "lvsctl " << command << ": " << message << "; see lvsctl " << command << " --help\n";
  return kUsage;
}

}  // namespace lvsd::ctl
