// SPDX-License-Identifier: GPL-2.0-or-later
// What hostile text can do to the reader: nothing but be refused, in time.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "lvsd/config/document.h"
#include "lvsd/config/load.h"
#include "support/config_samples.h"

namespace lvsd {
namespace {

std::string first_message(const std::string& text) {
  const Result<Config, Problems> config = parse_config(text);
  if (config) return "accepted";
  const Problem& problem = config.error().list.at(0);
  EXPECT_FALSE(problem.remedy.empty());
  return to_string(problem, "F");
}

TEST(Document, DepthIsBoundedInEveryNotation) {
  const auto repeat = [](std::string_view piece, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += piece;
    return out;
  };
  std::string indented;
  for (int i = 0; i < 2000; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  const std::vector<std::string> deep{repeat("[", 10000) + repeat("]", 10000),
                                      repeat("{a: ", 10000) + repeat("}", 10000),
                                      repeat("[\n", 100000) + repeat("]\n", 100000),
                                      repeat("[{a: ", 5000) + repeat("}]", 5000),
                                      repeat("- ", 10000),
                                      indented};
  for (const std::string& text : deep) {
    EXPECT_NE(first_message(text).find("nested more than 64 deep"), std::string::npos)
        << text.substr(0, 20) << " gives " << first_message(text);
  }
  // yaml-cpp takes brackets that are never closed for keys.
  for (const char* piece : {"[", "{a: ", "[\n", "? ", "- - ? ", "[{a: "}) {
    EXPECT_NE(first_message(repeat(piece, 10000)).find("as a key"), std::string::npos) << piece;
  }
}

TEST(Document, SixtyFourLevelsAreRead) {
  const std::string text = std::string(64, '[') + std::string(64, ']');
  Report report(text);
  EXPECT_FALSE(Document(text, report).broken());
}

TEST(Document, BillionLaughsEndAtOnce) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    text += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) text += (i > 0 ? ",*" : "*") + before;
    text += "]\n";
  }
  text += "services: *z\n";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(first_message(text).find("more than 4000000 values"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Document, AliasesAreFollowed) {
  const Result<Config, Problems> config = parse_config(
      "services:\n"
      "  - {listen: 192.0.2.10:80/tcp, destinations: &pool [{address: 10.0.0.1, weight: 7}]}\n"
      "  - {listen: 192.0.2.10:81/tcp, destinations: *pool}\n");
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->services[1].destinations.at(0).endpoint.port.host(), 81);
  EXPECT_EQ(config->services[1].destinations.at(0).weight.value(), 7);
}

// Aliases multiply readable values too: the sum stays within the limit and within a few seconds.
TEST(Document, RepeatedProblemsAreCounted) {
  std::string text = "services:\n  - &bad {x: 1}\n";
  for (int i = 0; i < 5000; ++i) text += "  - *bad\n";
  const Result<Config, Problems> config = parse_config(text);
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().list.size(), Report::kMost + 1);
  EXPECT_NE(config.error().list.back().what.find("more problems are not shown"), std::string::npos);
}

TEST(Document, ByteOrderMarkAndWindowsLinesAreRead) {
  EXPECT_EQ(first_message("\xef\xbb\xbfservices: []\r\ntimeouts:\r\n  tcp: 1s\r\n"), "accepted");
  EXPECT_TRUE(first_message("\xef\xbb\xbfservice: []\r\n").starts_with("F:1:1: service: unknown"));
}

TEST(Document, TabsWhereTheyHarmNothing) {
  EXPECT_EQ(first_message("services: []\t# comment\n\t\n\t# another\n"), "accepted");
}

TEST(Document, RandomBytesAndMutations) {
  const std::uint64_t seed = test::seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("LVSD_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string good =
      "director: {workers: 1, capture: {backend: auto}, announce: true}\n"
      "timeouts: {tcp: 900s}\nservices:\n  - name: \"web\"\n    listen: 192.0.2.10:80/tcp\n"
      "    destinations: &d\n      - {address: 10.0.0.1, weight: 3}\n      - {address: 10.0.0.2}\n";
  constexpr std::string_view kSigns = "[]{}:,-?&*!|>'\"%@`#\n \t\r\\~<=0a\xc3\xa9\xff";
  for (int run = 0; run < 3000; ++run) {
    std::string text = good;
    if (run % 3 == 0) {
      text.resize(random() % 200);
      for (char& c : text) c = static_cast<char>(random());
    } else if (run % 3 == 1) {
      text.resize(random() % 200);
      for (char& c : text) c = kSigns[random() % kSigns.size()];
    } else {
      for (int i = 0; i < 3; ++i) text[random() % text.size()] = kSigns[random() % kSigns.size()];
    }
    const Result<Config, Problems> config = parse_config(text);
    if (config) {
      EXPECT_TRUE(parse_config(show_config(*config)).has_value());
    } else {
      EXPECT_FALSE(config.error().list.empty());
    }
  }
}

TEST(Document, EveryPrefixOfAGoodFile) {
  const std::string good =
      "services:\n  - name: 'web'\n    listen: \"192.0.2.10:80/tcp\"\n    destinations: &d\n"
      "      - {address: 10.0.0.1, weight: 3}\n      - address: 10.0.0.2\ntimeouts: {tcp: 1s}\n";
  for (std::size_t size = 0; size <= good.size(); ++size) {
    const Result<Config, Problems> config = parse_config(good.substr(0, size));
    EXPECT_TRUE(config.has_value() || !config.error().list.empty()) << size;
  }
}

}  // namespace
}  // namespace lvsd
