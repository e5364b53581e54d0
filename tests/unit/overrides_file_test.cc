// SPDX-License-Identifier: GPL-2.0-or-later
// Overrides on disk: what is written is read again, and nothing else is believed.
#include "lvsd/daemon/overrides_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace lvsd {
namespace {

using namespace std::chrono_literals;

Overrides sample() {
  const Port port(std::uint16_t{80});
  const DestinationKey web{{ServiceProtocol::tcp, {*IpAddress::parse("192.0.2.10"), port}},
                           {*IpAddress::parse("10.0.0.11"), port}};
  DestinationKey marked{ServiceKey::by_mark(7, false), {*IpAddress::parse("2001:db8::1"), Port()}};
  Overrides overrides;
  overrides.set_weight(web, Weight(0));
  overrides.set_drain(web, OperatorDrain{.keeps_clients = false,
                                         .at_deadline = Ending::move,
                                         .deadline = WallTime(2000s),
                                         .since = WallTime(1000s),
                                         .connections = 17,
                                         .ended = true});
  overrides.set_drain(marked, OperatorDrain{.since = WallTime(5s)});
  return overrides;
}

class OverridesFileTest : public testing::Test {
 protected:
  OverridesFileTest() {
    std::string pattern = testing::TempDir() + "/lvsd-state-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~OverridesFileTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST(OverridesText, ReadsWhatItWrote) {
  const auto read = parse_overrides(to_text(sample()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, sample());
}

TEST(OverridesText, NoPrefixIsBelieved) {
  const std::string text = to_text(sample());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_FALSE(parse_overrides(std::string_view(text).substr(0, size))) << size;
  }
}

TEST(OverridesText, WrongValuesAreRefused) {
  for (const auto& [from, to] :
       {std::pair{"\"weight\": 0", "\"weight\": 65536"},
        std::pair{"\"on_deadline\": \"move\"", "\"on_deadline\": \"mvoe\""},
        std::pair{"\"version\": 1", "\"version\": 2"}, std::pair{"192.0.2.10", "192.0.2.10.9"},
        std::pair{"\"since\": 5", "\"since\": -5"}, std::pair{"\"tcp\"", "7"}}) {
    std::string text = to_text(sample());
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, std::string_view(from).size(), to);
    const auto read = parse_overrides(text);
    EXPECT_FALSE(read) << to;
  }
}

TEST_F(OverridesFileTest, OutlivesItsWriter) {
  const OverridesFile file(directory_ + "/made");
  EXPECT_TRUE(file.load().overrides.empty());
  ASSERT_TRUE(file.save(sample()));
  EXPECT_EQ(file.load().overrides, sample());
  EXPECT_EQ(file.load().problem, "");
  ASSERT_TRUE(file.save({}));
  EXPECT_FALSE(std::filesystem::exists(file.path()));
  EXPECT_TRUE(file.save({}));
}

TEST_F(OverridesFileTest, ADamagedOneIsNamedAndPutAside) {
  const OverridesFile file(directory_);
  std::ofstream(file.path()) << "{\"version\": 1, \"overr";
  const auto loaded = file.load();
  EXPECT_TRUE(loaded.overrides.empty());
  EXPECT_NE(loaded.problem.find(file.path() + " is damaged"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(file.path() + ".damaged"));
  EXPECT_EQ(file.load().problem, "");
}

TEST_F(OverridesFileTest, OneThatCannotBeOpenedIsNotTakenForNone) {
  const OverridesFile file(directory_);
  std::filesystem::create_symlink("overrides.json", file.path());  // to itself
  const auto loaded = file.load();
  EXPECT_TRUE(loaded.overrides.empty());
  EXPECT_NE(loaded.problem.find("cannot read " + file.path()), std::string::npos) << loaded.problem;
}

TEST_F(OverridesFileTest, WhereNothingCanBeWrittenItSaysSo) {
  std::ofstream(directory_ + "/file") << "x";
  const OverridesFile file(directory_ + "/file");
  EXPECT_FALSE(file.save(sample()));
}

}  // namespace
}  // namespace lvsd
