// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/capture_time.h"

#include <fmt/format.h>

#include <charconv>

namespace lvsd::ctl {
namespace {

constexpr std::int64_t kPerSecond = 1'000'000'000;

std::optional<std::int64_t> number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits[0] == '-') {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<CaptureTime> CaptureTime::parse(std::string_view text) {
  CaptureTime time;
  if (!text.empty() && text.front() == '+') {
    time.relative = true;
    text.remove_prefix(1);
  }
  const std::size_t point = text.find('.');
  const std::optional<std::int64_t> seconds = number(text.substr(0, point));
  constexpr std::int64_t kMostSeconds = 9'000'000'000;  // the year 2255: nanoseconds fit 63 bits
  if (!seconds || *seconds > kMostSeconds) return std::nullopt;
  std::string decimals(point == std::string_view::npos ? "0" : text.substr(point + 1));
  if (decimals.empty() || decimals.size() > 9) return std::nullopt;
  decimals.resize(9, '0');
  const std::optional<std::int64_t> nanoseconds = number(decimals);
  if (!nanoseconds) return std::nullopt;
  time.value = Duration(*seconds * kPerSecond + *nanoseconds);
  return time;
}

std::string to_string(Duration duration) {
  return fmt::format("{}.{:09}", duration.count() / kPerSecond, duration.count() % kPerSecond);
}

}  // namespace lvsd::ctl
