// SPDX-License-Identifier: GPL-2.0-or-later
// How many packets had one reason, as the reply to status and a listing of a report have it
// (doc/json.md).
#pragma once

#include <nlohmann/json.hpp>

#include "lvsd/model/verdict.h"

namespace lvsd {

template <class Reason>
nlohmann::json reason_json(Reason reason, const nlohmann::json& packets) {
  return {{"reason", to_string(reason)}, {"packets", packets}, {"meaning", explain(reason)}};
}

}  // namespace lvsd
