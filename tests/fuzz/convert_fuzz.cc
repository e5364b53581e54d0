// SPDX-License-Identifier: GPL-2.0-or-later
// Files of other programs: whatever they hold, what is carried over is a file that loads. The first
// byte says whose file it is.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lvsd/config/load.h"
#include "lvsd/ctl/convert.h"

namespace {

using namespace lvsd::ctl;

Rules read(char language, std::string_view text) {
  // The file that it includes is itself.
  const Include include = [text](const std::string& pattern, const std::string&) {
    return std::vector<TextFile>(pattern.empty() ? 0 : 1, {pattern, std::string(text)});
  };
  switch (language) {
    case 'k':
      return read_keepalived(text, include);
    case 'l':
      return read_ldirectord(text);
    default:
      return read_rules(text);
  }
}

// Every line is asked of the loader: what a range of addresses makes of a few bytes takes long.
bool is_small(const Rules& rules) {
  std::size_t lines = 0;
  for (const RuleService& service : rules.services) lines += 1 + service.destinations.size();
  return lines < 200;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Rules rules = read(text.front(), text.substr(1));
  if (!is_small(rules)) return 0;
  const Converted converted = rules_to_lvsd(std::move(rules));
  LVSD_ASSERT(lvsd::parse_config(converted.text).has_value());
  return 0;
}
