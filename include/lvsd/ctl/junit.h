// SPDX-License-Identifier: GPL-2.0-or-later
// Results as JUnit's XML, which CI systems show beside a change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lvsd/net/result.h"

namespace lvsd::ctl {

struct JunitCase {
  std::string name;
  std::string failure = {};  // what to read when it failed; empty: it passed
};

// One suite, as a whole file.
std::string junit_xml(std::string_view suite, const std::vector<JunitCase>& cases);
Status write_junit(const std::string& file, std::string_view suite,
                   const std::vector<JunitCase>& cases);

}  // namespace lvsd::ctl
