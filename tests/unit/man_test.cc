// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd(8) names every verdict's reason with its sentence, and every option.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "lvsd/daemon/options.h"
#include "lvsd/model/verdict.h"

namespace lvsd {
namespace {

std::string manual() {
  std::ifstream file(LVSD_SOURCE_DIR "/man/lvsd.8");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As it stands in the page: a tag with the name, and its sentence on the next line.
template <class Reason>
void expect_reason(const std::string& page, Reason reason) {
  const std::string entry =
      ".It Cm " + std::string(to_string(reason)) + "\n" + std::string(explain(reason)) + "\n";
  EXPECT_NE(page.find(entry), std::string::npos) << "man/lvsd.8 lacks:\n" << entry;
}

TEST(Manual, NamesEveryReason) {
  const std::string page = manual();
  ASSERT_FALSE(page.empty());
  for (std::size_t i = 0; i < kAcceptReasons; ++i) {
    expect_reason(page, static_cast<AcceptReason>(i));
  }
  for (std::size_t i = 0; i < kDropReasons; ++i) expect_reason(page, static_cast<DropReason>(i));
}

TEST(Manual, NamesEveryOption) {
  const std::string page = manual();
  std::istringstream words(usage());
  int options = 0;
  for (std::string word; words >> word;) {
    if (word.rfind("--", 0) != 0) continue;
    const std::string name = word.substr(2, word.find_first_of("]=", 2) - 2);
    EXPECT_NE(page.find("Fl Fl " + name), std::string::npos) << "man/lvsd.8 lacks --" << name;
    ++options;
  }
  EXPECT_GE(options, 7);
}

}  // namespace
}  // namespace lvsd
