// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd.yaml -> Config. All mistakes of a file are reported at once, each with place, key, what is
// wrong and what would be right; a file either loads whole or not at all. The same text gives the
// same answer on every machine: nothing here looks at the network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/model/network.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct Problem {
  int line = 0, column = 0;  // from 1; 0 where the file as a whole is meant
  std::string path;          // "services[0].destinations[2].weight"
  std::string what;          // "70000 is not in 0..65535"
  std::string remedy;        // what would be right
};

// FILE:LINE:COL: path: what; remedy
std::string to_string(const Problem& problem, std::string_view file);

struct Problems {
  std::vector<Problem> list;  // in the order of the file
};

Result<Config, Problems> parse_config(std::string_view text);
Result<Config, Problems> load_config(const std::string& file);

// The file with every default filled in (`lvsctl check --show`). Parses back to an equal Config.
std::string show_config(const Config& config);

// The network file of `lvsctl replay --network` (design section 3), and the live network in its
// form.
Result<Network, Problems> parse_network(std::string_view text);
Result<Network, Problems> load_network(const std::string& file);
std::string show_network(const Network& network);

// What a configuration needs of a network and does not find: warnings, never errors.
std::vector<Problem> check_against(const Config& config, const Network& network);

}  // namespace lvsd
