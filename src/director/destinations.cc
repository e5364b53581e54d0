// SPDX-License-Identifier: GPL-2.0-or-later
#include "destinations.h"

#include <algorithm>

#include "lvsd/net/result.h"

namespace lvsd {

DestinationId Destinations::add(const Destination& config, const ServiceKey& key,
                                Service* service) {
  DestinationId id{static_cast<std::uint32_t>(states_.size())};
  if (free_.empty()) {
    states_.emplace_back();
    extras_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  states_[index(id)] = {};
  states_[index(id)].configure(config, true);
  states_[index(id)].service = key;
  extras_[index(id)] = {};
  extras_[index(id)].service = service;
  extras_[index(id)].in_use = true;
  remember_nat(config);
  return id;
}

void Destinations::retire(DestinationId id) {
  states_[index(id)].retired = true;
  if (states_[index(id)].connections() == 0) {
    release(id);
  } else {
    retired_.push_back(id);
  }
}

std::optional<DestinationId> Destinations::revive(const Destination& config, const ServiceKey& key,
                                                  Service* service) {
  const auto found = std::find_if(retired_.begin(), retired_.end(), [&](DestinationId id) {
    const DestinationState& state = states_[index(id)];
    return state.service == key && state.config.endpoint == config.endpoint;
  });
  if (found == retired_.end()) return std::nullopt;
  const DestinationId id = *found;
  retired_.erase(found);
  DestinationState& state = states_[index(id)];
  forget_nat(state.config);
  state.configure(config, true);
  state.retired = false;
  remember_nat(config);
  extras_[index(id)].service = service;
  return id;
}

void Destinations::bind(DestinationId id) {
  DestinationState& state = states_[index(id)];
  ++state.inactive;
  if (state.reached_upper()) state.overloaded = true;
}

void Destinations::set_active(DestinationId id, bool active) {
  DestinationState& state = states_[index(id)];
  std::uint32_t& from = active ? state.inactive : state.active;
  std::uint32_t& to = active ? state.active : state.inactive;
  LVSD_ASSERT(from > 0);
  --from;
  ++to;
}

void Destinations::unbind(DestinationId id, bool was_inactive) {
  DestinationState& state = states_[index(id)];
  std::uint32_t& count = was_inactive ? state.inactive : state.active;
  LVSD_ASSERT(count > 0);
  --count;
  if (state.below_lower()) state.overloaded = false;
  if (!state.retired || state.connections() > 0) return;
  retired_.erase(std::find(retired_.begin(), retired_.end(), id));
  release(id);
}

const DestinationState* Destinations::find(DestinationId id) const {
  if (index(id) >= states_.size() || !extras_[index(id)].in_use) return nullptr;
  return &states_[index(id)];
}

void Destinations::release(DestinationId id) {
  forget_nat(states_[index(id)].config);
  states_[index(id)] = {};
  extras_[index(id)] = {};
  free_.push_back(id);
}

void Destinations::forget_nat(const Destination& config) {
  if (!std::holds_alternative<Masquerade>(config.method)) return;
  const auto found = nat_addresses_.find(config.endpoint.address);
  if (found != nat_addresses_.end() && --found->second == 0) nat_addresses_.erase(found);
}

void Destinations::remember_nat(const Destination& config) {
  if (std::holds_alternative<Masquerade>(config.method)) ++nat_addresses_[config.endpoint.address];
}

}  // namespace lvsd
