// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

namespace lvsd {

/// All of a file's bytes; nothing, and errno, where it cannot be opened or read to its end. Such
/// files are in /proc, too: the read fails with ESRCH where the process ends in between, which a
/// std::istreambuf_iterator answers with an exception.
std::optional<std::string> read_text_file(const std::string& path);

}  // namespace lvsd
