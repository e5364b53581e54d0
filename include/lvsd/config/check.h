// SPDX-License-Identifier: GPL-2.0-or-later
// The words of `lvsd --check` and `lvsctl check`, said in one place.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/config/load.h"

namespace lvsd {

// "lvsd.yaml: ok, 2 services, 5 destinations"
std::string summary(std::string_view file, const Config& config);

// One line each, as to_string prints it; `label` ("warning: ") stands before `what`.
void print(std::ostream& out, std::string_view file, const std::vector<Problem>& problems,
           std::string_view label = {});

// Loads `file`; prints the summary to `out`, or its problems to `err`. The configuration if it is
// good.
std::optional<Config> check_file(const std::string& file, std::ostream& out, std::ostream& err);

}  // namespace lvsd
