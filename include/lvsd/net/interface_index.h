// SPDX-License-Identifier: GPL-2.0-or-later
// A link by the number that the kernel gives it; what is known of it is in model/network.h.
#pragma once

#include <cstdint>

namespace lvsd {

enum class InterfaceIndex : std::uint32_t {};
inline constexpr InterfaceIndex kNoInterface{0};

}  // namespace lvsd
