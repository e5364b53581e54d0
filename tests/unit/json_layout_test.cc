// SPDX-License-Identifier: GPL-2.0-or-later
// JSON laid out without a tree, against the library's own layout with one.
#include "lvsd/ctl/json_layout.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::string laid_out(std::string_view text, std::size_t depth = 0) {
  std::ostringstream out;
  JsonPrinter(out).value(text, depth);
  return out.str();
}

json any_value(std::mt19937& random, unsigned depth) {
  static const std::vector<json> kSmall{nullptr,
                                        true,
                                        0,
                                        -7,
                                        18446744073709551615U,
                                        0.25,
                                        1e300,
                                        "",
                                        "\"\\/\n\t",
                                        "[{,:}]\"[{",
                                        "ü\x7f",
                                        "ok",
                                        "\x01",
                                        json::array(),
                                        json::object()};
  const unsigned kind = depth == 0 ? 0 : static_cast<unsigned>(random() % 4);
  if (kind < 2) return kSmall[random() % kSmall.size()];
  json value = kind == 2 ? json::array() : json::object();
  for (unsigned n = static_cast<unsigned>(random() % 5); n > 0; --n) {
    json inner = any_value(random, depth - 1);
    if (kind == 2) {
      value.push_back(std::move(inner));
    } else {
      value[any_value(random, 0).dump() + std::to_string(n)] = std::move(inner);
    }
  }
  return value;
}

TEST(JsonLayout, IsTheLibrarysWithoutItsTree) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const json value = any_value(random, 6);
    ASSERT_EQ(laid_out(value.dump()), value.dump(2));
    ASSERT_EQ(laid_out(value.dump(3, '\t')), value.dump(2));
    const json object = {{"a b", value}, {"ok", true}, {"z", json::array({value, value})}};
    for (const std::string& text : {object.dump(), object.dump(1), " " + object.dump(4, '\t')}) {
      ASSERT_EQ(json_member(text, "ok"), "true");
      ASSERT_EQ(json::parse(json_member(text, "a b").value_or("")), value);
      json elements = json::array();
      each_element(json_member(text, "z").value_or(""),
                   [&](std::string_view each) { elements.push_back(json::parse(each)); });
      ASSERT_EQ(elements, object["z"]);
    }
  }
}

TEST(JsonLayout, PrintsLongOnesWhole) {
  json value = json::array();
  for (int i = 0; i < 50000; ++i) value.push_back({{"number", i}, {"text", std::string(20, 'x')}});
  EXPECT_EQ(laid_out(value.dump()), value.dump(2));
}

TEST(JsonLayout, GoesOnAtADepth) {
  EXPECT_EQ(laid_out(R"({"a":[1]})", 2), "{\n      \"a\": [\n        1\n      ]\n    }");
}

TEST(JsonLayout, FindsMembers) {
  const std::string text = R"({"a":{"ok":false,"b":[1,{"c":"}"}]},"d":"x\",\"ok\":1","ok":true})";
  EXPECT_EQ(json_member(text, "a"), R"({"ok":false,"b":[1,{"c":"}"}]})");
  EXPECT_EQ(json_member(text, "d"), R"("x\",\"ok\":1")");
  EXPECT_EQ(json_member(text, "ok"), "true");
  EXPECT_EQ(json_member(text, "b"), std::nullopt);
  for (const char* none : {"", "{", "{}", "[]", "1", "\"ok\":true", R"(["ok",true])"}) {
    EXPECT_EQ(json_member(none, "ok"), std::nullopt) << none;
  }
}

TEST(JsonLayout, FindsElements) {
  const auto elements = [](std::string_view array) {
    std::vector<std::string> found;
    each_element(array, [&](std::string_view each) { found.emplace_back(each); });
    return found;
  };
  EXPECT_EQ(elements(R"([1,"],",{"a":[2,3]},[]])"),
            (std::vector<std::string>{"1", "\"],\"", R"({"a":[2,3]})", "[]"}));
  EXPECT_TRUE(elements("[]").empty());
  EXPECT_TRUE(elements("{}").empty());
  EXPECT_TRUE(elements("").empty());
}

// A daemon that dies while it answers; a sanitizer sees a read beyond the end.
TEST(JsonLayout, TakesAnythingThatIsNoJson) {
  const std::string text = R"({"a":{"b":[1,{"c":"}\\"}]},"ok":true})";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string_view cut(exact.data(), exact.size());
    EXPECT_EQ(json_member(cut, "ok").has_value(), size == text.size()) << size;
    laid_out(cut);
    each_element(cut, [](std::string_view) {});
  }
  for (const char* odd : {"]]]]", "}{", "\"\\", "[,]", "{:}", "{\"ok\"", "{\"ok\":", "{\"ok\"}"}) {
    laid_out(odd);
    EXPECT_EQ(json_member(odd, "ok"), std::nullopt) << odd;
    each_element(odd, [](std::string_view) {});
  }
}

}  // namespace
}  // namespace lvsd::ctl
