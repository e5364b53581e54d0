// SPDX-License-Identifier: GPL-2.0-or-later
// Every file of tests/config/broken and tests/config/broken_network says in its first lines what is
// wrong with it:
//   # expect: LINE:COL: path: text
// each the beginning of one message, in their order, and there are no others.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "lvsd/config/check.h"
#include "lvsd/config/load.h"

namespace lvsd {
namespace {

const std::filesystem::path kCases = LVSD_SOURCE_DIR "/tests/config";

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> files_of(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kCases / directory)) {
    names.push_back(directory + "/" + entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> expectations(const std::string& text) {
  constexpr std::string_view kMark = "# expect: ";
  std::vector<std::string> out;
  for (std::size_t at = 0; text.compare(at, kMark.size(), kMark) == 0;) {
    const std::size_t end = text.find('\n', at);
    out.push_back("F:" + text.substr(at + kMark.size(), end - at - kMark.size()));
    at = end + 1;
  }
  return out;
}

class BrokenFile : public testing::TestWithParam<std::string> {};

TEST_P(BrokenFile, IsRefusedAsItSays) {
  const std::string file = (kCases / (GetParam() + ".yaml")).string();
  const std::string text = contents(file);
  const std::vector<std::string> expected = expectations(text);
  ASSERT_FALSE(expected.empty()) << "the file says nothing of what is expected";

  std::vector<Problem> found;
  if (GetParam().starts_with("broken_network/")) {
    const Result<Network, Problems> network = parse_network(text);
    ASSERT_FALSE(network.has_value());
    found = network.error().list;
  } else {
    const Result<Config, Problems> config = load_config(file);
    ASSERT_FALSE(config.has_value());
    found = config.error().list;
  }
  std::string all;
  for (const Problem& problem : found) all += to_string(problem, "F") + "\n";
  ASSERT_EQ(found.size(), expected.size()) << all;
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(to_string(found[i], "F").substr(0, expected[i].size()), expected[i]) << all;
    EXPECT_GE(found[i].line, 1);
    EXPECT_GE(found[i].column, 1);
    EXPECT_FALSE(found[i].what.empty());
    EXPECT_GE(found[i].remedy.size(), 8U) << all;
    EXPECT_EQ(all.find('\x1b'), std::string::npos);
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Config, BrokenFile, testing::ValuesIn(files_of("broken")), test_name);
INSTANTIATE_TEST_SUITE_P(Network, BrokenFile, testing::ValuesIn(files_of("broken_network")),
                         test_name);

TEST(BrokenFiles, AreManyEnough) { EXPECT_GE(files_of("broken").size(), 45U); }

TEST(BrokenFiles, ThatCannotBeRead) {
  const auto first = [](const std::string& file) {
    const Result<Config, Problems> config = load_config(file);
    return config ? std::string("accepted") : to_string(config.error().list.at(0), "F");
  };
  EXPECT_EQ(first("/nonexistent/lvsd.yaml"),
            "F: cannot be read: No such file or directory; name an existing file (-c FILE)");
  EXPECT_TRUE(first(kCases.string()).starts_with("F: cannot be read: Is a directory;"));
  EXPECT_TRUE(first("/dev/zero").starts_with("F: larger than 64 MiB;")) << first("/dev/zero");
  EXPECT_TRUE(first("/dev/null").starts_with("F:1:1: the file is empty;"));
}

TEST(BrokenFiles, CheckPrintsAllAndSucceedsOnNone) {
  std::ostringstream out, err;
  EXPECT_FALSE(check_file((kCases / "broken/many_mistakes.yaml").string(), out, err));
  EXPECT_EQ(out.str(), "");
  const std::string text = err.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
}

}  // namespace
}  // namespace lvsd
