// SPDX-License-Identifier: GPL-2.0-or-later
// Writing values so that our readers read them back: used by the show_ functions.
#pragma once

#include <string>
#include <string_view>

#include "lvsd/model/time.h"

namespace lvsd {

// A scalar, in double quotes unless it is a plain word to every YAML reader.
std::string scalar(std::string_view text);

// "900s", "500ms": in the largest unit up to seconds that is exact.
std::string duration_text(Duration duration);

}  // namespace lvsd
