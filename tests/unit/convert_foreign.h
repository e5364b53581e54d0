// SPDX-License-Identifier: GPL-2.0-or-later
// What the tests of keepalived.conf and ldirectord.cf have in common: a text, converted, as the
// loader reads it, and the remarks.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/config/file.h"
#include "lvsd/config/load.h"
#include "lvsd/ctl/convert.h"

namespace lvsd::ctl {

using Lines = std::vector<std::string>;
using Files = std::map<std::string, std::string, std::less<>>;

inline Include files_of(const Files& files) {
  return [&files](const std::string& pattern, const std::string&) {
    const auto found = files.find(pattern);
    if (found == files.end()) return std::vector<TextFile>();
    return std::vector<TextFile>{{found->first, found->second}};
  };
}

// But for the one that a text without a protocol gets, as most of them here are.
inline Lines remarks_of(const Converted& converted) {
  Lines out;
  for (const Remark& remark : converted.left_out) {
    if (remark.what.find("it has no protocol") != std::string::npos) continue;
    out.push_back(remark.file + ":" + std::to_string(remark.line) + ": " + remark.what);
  }
  return out;
}

struct Outcome {
  Config config;
  Lines remarks;
};
inline Outcome outcome(const Converted& converted) {
  const auto config = parse_config(converted.text);
  EXPECT_TRUE(config.has_value()) << converted.text;
  return {config ? *config : Config{}, remarks_of(converted)};
}
inline Outcome keepalived(std::string_view text, const Files& files = {}) {
  return outcome(rules_to_lvsd(read_keepalived(text, files_of(files))));
}
// With the checks; what becomes of them where there are remarks is for other tests.
inline ConfigFile keepalived_file(std::string_view text) {
  const Converted converted = rules_to_lvsd(read_keepalived(text, files_of({})));
  EXPECT_EQ(remarks_of(converted), Lines());
  auto file = parse_file(converted.text);
  EXPECT_TRUE(file.has_value()) << converted.text;
  return file ? std::move(*file) : ConfigFile{};
}
inline Outcome ldirectord(std::string_view text) {
  return outcome(rules_to_lvsd(read_ldirectord(text)));
}

// The port that each destination's check asks; none: the destination's.
inline std::vector<std::optional<Port>> asked_ports(const Converted& converted) {
  std::vector<std::optional<Port>> out;
  const auto file = parse_file(converted.text);
  EXPECT_TRUE(file.has_value()) << converted.text;
  if (!file) return out;
  for (std::size_t i = 0; i < file->config.services.size(); ++i) {
    for (const Destination& each : file->config.services[i].destinations) {
      const Health* const check =
          i < file->health.size() ? file->health[i].of(each.endpoint) : nullptr;
      out.push_back(check != nullptr ? check->probe.port : std::nullopt);
      EXPECT_NE(check, nullptr) << to_string(each.endpoint);
    }
  }
  return out;
}
inline constexpr Port kPort80{std::uint16_t{80}}, kPort8080{std::uint16_t{8080}};

}  // namespace lvsd::ctl
