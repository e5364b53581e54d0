// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of real servers make their networks of.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lvsd/model/network.h"

namespace lvsd::realserver {

inline IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

inline Interface ethernet(std::uint32_t index, std::string name,
                          std::vector<InterfaceAddress> addresses) {
  return {.index = InterfaceIndex{index},
          .name = std::move(name),
          .mac = Mac({2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)}),
          .addresses = std::move(addresses)};
}

}  // namespace lvsd::realserver
