// SPDX-License-Identifier: GPL-2.0-or-later
// Times as users give and see them: seconds with up to nine decimals, exact (no floating point).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lvsd/model/time.h"

namespace lvsd::ctl {

// "1000.5": absolute, as in the capture. "+1.5": since its first packet.
struct CaptureTime {
  Duration value{};
  bool relative = false;

  static std::optional<CaptureTime> parse(std::string_view text);
  TimePoint from(TimePoint first) const { return relative ? first + value : TimePoint(value); }
};

std::string to_string(Duration duration);  // "1.500000000"

}  // namespace lvsd::ctl
