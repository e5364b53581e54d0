// SPDX-License-Identifier: GPL-2.0-or-later
#include "sip.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool same_word(std::string_view a, std::string_view lower_case) {
  return std::equal(a.begin(), a.end(), lower_case.begin(), lower_case.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::optional<std::string_view> sip_call_id(std::string_view message) {
  std::size_t at = message.find_first_of(kLineEnd);  // the first line is no header
  while (at != std::string_view::npos) {
    at = message.find_first_not_of(kLineEnd, at);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t end = message.find_first_of(kLineEnd, at);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = message.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      const std::string_view name = trimmed(line.substr(0, colon));
      if (same_word(name, "call-id") || same_word(name, "i")) {  // "i": RFC 3261 section 7.3.3
        const std::string_view value = trimmed(line.substr(colon + 1));
        const bool sane = !value.empty() && value.size() <= kLongestCallId;
        return sane ? std::optional(value) : std::nullopt;
      }
    }
    at = end;
  }
  return std::nullopt;
}

}  // namespace lvsd
