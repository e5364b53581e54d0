// SPDX-License-Identifier: GPL-2.0-or-later
// What answers to requests have in common: the two shapes of a reply on the control socket
// (control/request.h), and the service that one names.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "lvsd/control/json_text.h"
#include "lvsd/control/request.h"
#include "lvsd/model/config.h"
#include "lvsd/net/result.h"

namespace lvsd {

inline nlohmann::json good(nlohmann::json fields) {
  fields["version"] = kControlVersion;
  fields["ok"] = true;
  return fields;
}

inline nlohmann::json bad(const std::string& sentence) {
  return {{"version", kControlVersion}, {"ok", false}, {"error", sentence}};
}

// By its name, or by its key as text.
inline Result<ServiceKey, Error> find_service(const Config& config, const std::string& name) {
  const auto found = std::ranges::find_if(
      config.services, [&name](const VirtualService& service) { return is_called(service, name); });
  if (found == config.services.end()) return fail("there is no service called " + name);
  return found->key;
}

}  // namespace lvsd
