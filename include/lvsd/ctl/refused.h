// SPDX-License-Identifier: GPL-2.0-or-later
// Refused packets as pcapng, for `lvsctl capture --drops` and `lvsctl replay --drops`.
#pragma once

#include <string>
#include <string_view>

#include "lvsd/io/pcapng_writer.h"

namespace lvsd::ctl {

// "no-route: there is no route to the next hop": the comment of a packet.
std::string comment_of(std::string_view reason);

}  // namespace lvsd::ctl
