// SPDX-License-Identifier: GPL-2.0-or-later
// What keeps the messages of one SIP call together: the Call-ID header (RFC 3261 section 20.8),
// read as the kernel's SIP engine reads it (reference section 5.5).
#pragma once

#include <optional>
#include <string_view>

namespace lvsd {

inline constexpr std::size_t kLongestCallId = 255;

// The Call-ID of a message, or nothing where there is none, it is longer than kLongestCallId, or
// nothing ends its line.
std::optional<std::string_view> sip_call_id(std::string_view message);

}  // namespace lvsd
