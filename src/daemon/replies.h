// SPDX-License-Identifier: GPL-2.0-or-later
// The two shapes of a reply on the control socket (control/request.h).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lvsd/control/json_text.h"
#include "lvsd/control/request.h"

namespace lvsd {

inline nlohmann::json good(nlohmann::json fields) {
  fields["version"] = kControlVersion;
  fields["ok"] = true;
  return fields;
}

inline nlohmann::json bad(const std::string& sentence) {
  return {{"version", kControlVersion}, {"ok", false}, {"error", sentence}};
}

}  // namespace lvsd
