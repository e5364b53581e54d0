// SPDX-License-Identifier: GPL-2.0-or-later
// Text inside XML and HTML. Names come from files and packets and may hold anything.
#pragma once

#include <string>
#include <string_view>

namespace lvsd::ctl {

// For an element's text and for an attribute in double quotes.
std::string escaped(std::string_view text);

}  // namespace lvsd::ctl
