// SPDX-License-Identifier: GPL-2.0-or-later
// JSON as the control socket has it: valid UTF-8, on one line, the keys of an object in their
// order. What is not UTF-8 is replaced rather than thrown at: names from the configuration file may
// be any bytes.
//
// Of a hundred thousand destinations the tree that nlohmann's values are takes longer to build than
// everything else about a listing. So what comes in such numbers is written as text at once, by
// these; whoever does keeps the keys in their order, which a test compares with a tree's.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lvsd {

inline std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// `before`: the key, and what stands between it and the value before: ,"port":
template <std::integral T>
void append_json(std::string& out, std::string_view before, T value) {
  out.append(before);
  if constexpr (std::same_as<T, bool>) {
    out.append(value ? "true" : "false");
  } else {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
  }
}

// A string, in quotes.
inline void append_json(std::string& out, std::string_view before, std::string_view text) {
  const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  out.append(before);
  for (const char c : text) {
    if (plain(c)) continue;
    out.append(text_of(nlohmann::json(text)));
    return;
  }
  out.append(1, '"').append(text).append(1, '"');
}

}  // namespace lvsd
