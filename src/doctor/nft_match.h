// SPDX-License-Identifier: GPL-2.0-or-later
// What a rule of nft's, as JSON (libnftables-json(5)), makes of a service's requests.
#pragma once

#include <map>
#include <nlohmann/json.hpp>

#include "chain_walk.h"
#include "lvsd/model/config.h"

namespace lvsd::doctor {

using NftSets = std::map<std::string, nlohmann::json>;  // by name: the elements

Meaning meaning_of(const nlohmann::json& rule, const ServiceKey& key, const NftSets& sets);

}  // namespace lvsd::doctor
