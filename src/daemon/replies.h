// SPDX-License-Identifier: GPL-2.0-or-later
// The two shapes of a reply on the control socket (control/request.h).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lvsd/control/request.h"

namespace lvsd {

inline nlohmann::json good(nlohmann::json fields) {
  fields["version"] = kControlVersion;
  fields["ok"] = true;
  return fields;
}

// Names from the file may be any bytes; what is not UTF-8 is replaced rather than thrown at.
inline std::string text_of(const nlohmann::json& reply) {
  return reply.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

inline nlohmann::json bad(const std::string& sentence) {
  return {{"version", kControlVersion}, {"ok", false}, {"error", sentence}};
}

}  // namespace lvsd
