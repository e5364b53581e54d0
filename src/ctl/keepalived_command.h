// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of a script in keepalived.conf(5), under "Quoted strings": single and double
// quotes hold blanks, and a backslash what the shell's $'...' has. No shell reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lvsd::ctl {

// Nothing where a quote is not closed, a backslash stands last, or a NUL would be in it.
std::optional<std::vector<std::string>> split_command(std::string_view text);

}  // namespace lvsd::ctl
