// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/junit.h"

#include <algorithm>
#include <fstream>

#include "lvsd/ctl/markup.h"

namespace lvsd::ctl {

std::string junit_xml(std::string_view suite, const std::vector<JunitCase>& cases) {
  const auto failures = std::count_if(cases.begin(), cases.end(),
                                      [](const JunitCase& each) { return !each.failure.empty(); });
  const std::string name = escaped(suite);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  out += "<testsuite name=\"" + name + "\" tests=\"" + std::to_string(cases.size());
  out += "\" failures=\"" + std::to_string(failures) + "\">\n";
  for (const JunitCase& each : cases) {
    out += "<testcase classname=\"" + name + "\" name=\"" + escaped(each.name) + "\"";
    if (each.failure.empty()) {
      out += "/>\n";
      continue;
    }
    const std::string first = each.failure.substr(0, each.failure.find('\n'));
    out += "><failure message=\"" + escaped(first) + "\">" + escaped(each.failure);
    out += "</failure></testcase>\n";
  }
  return out + "</testsuite>\n</testsuites>\n";
}

Status write_junit(const std::string& file, std::string_view suite,
                   const std::vector<JunitCase>& cases) {
  std::ofstream out(file, std::ios::binary);
  out << junit_xml(suite, cases) << std::flush;
  if (!out) return fail(file + ": cannot be written");
  return Done{};
}

}  // namespace lvsd::ctl
