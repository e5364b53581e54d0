// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/yaml_text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace lvsd {
namespace {

bool plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/").find(c) != std::string_view::npos;
}

// Words that some version of YAML takes for something other than text.
bool special_word(std::string_view text) {
  constexpr std::array<std::string_view, 11> kWords{"null", "true", "false", "yes", "no", "on",
                                                    "off",  "y",    "n",     "~",   ""};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

}  // namespace

std::string scalar(std::string_view text) {
  const bool word = !special_word(text) && std::all_of(text.begin(), text.end(), plain_character) &&
                    text.front() != '-' && text.front() != '.';
  // An address with a port, as the files are full of them: no ": " in it, so plain in block and
  // flow.
  const bool endpoint =
      !text.empty() && text.front() >= '1' && text.front() <= '9' &&
      std::count(text.begin(), text.end(), ':') == 1 &&
      std::count(text.begin(), text.end(), '.') == 3 && text.back() != ':' &&
      std::all_of(text.begin(), text.end(), [](char c) { return plain_character(c) || c == ':'; });
  if (word || endpoint) return std::string(text);
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string duration_text(Duration duration) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (milliseconds % 1000 == 0) return std::to_string(milliseconds / 1000) + "s";
  return std::to_string(milliseconds) + "ms";
}

}  // namespace lvsd
