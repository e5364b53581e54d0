// SPDX-License-Identifier: GPL-2.0-or-later
// JSON as the control socket has it: valid UTF-8, on one line, the keys of an object in their
// order. What is not UTF-8 is replaced rather than thrown at: names from the configuration file may
// be any bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lvsd {

inline std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace lvsd
