// SPDX-License-Identifier: GPL-2.0-or-later
// What can be said of a file before anybody parses it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lvsd/config/report.h"
#include "lvsd/net/result.h"

namespace lvsd {

// The whole file, or why it cannot be had (missing, unreadable, a directory, too large).
Result<std::string, Problem> read_file(const std::string& file);

// Bytes that no configuration holds: invalid UTF-8, control characters, tabs where indentation
// belongs (YAML forbids them there; yaml-cpp takes some for content). The first of them.
std::optional<Problem> check_text(std::string_view text);

}  // namespace lvsd
