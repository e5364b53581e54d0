// SPDX-License-Identifier: GPL-2.0-or-later
// Reading what a tool printed.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace lvsd {

inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

inline bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace lvsd
