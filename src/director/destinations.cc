// SPDX-License-Identifier: GPL-2.0-or-later
#include "destinations.h"

#include <algorithm>
#include <utility>

#include "lvsd/net/result.h"
#include "state.h"

namespace lvsd {

Destinations::Destinations(const Destinations& real, std::span<const DestinationId> kept) {
  for (const DestinationId old : kept) {
    const DestinationId id{static_cast<std::uint32_t>(states_.size())};
    const DestinationState& state = states_.emplace_back(real[old]);
    const DestinationExtra& extra = extras_.emplace_back(real.extra(old));
    if (state.retired) retired_.emplace(LoadKey{state.service, state.config.endpoint}, id);
    if (extra.moving) moving_.push_back(id);
    if (extra.nat_address) nat_addresses_[state.config.endpoint.address].push_back(id);
    begin_path(id);
    know_path(real, state.config.endpoint.address);
    detach(id);
  }
}

void Destinations::know_path(const Destinations& real, const IpAddress& address) {
  const auto there = real.path_index_.find(address);
  if (there == real.path_index_.end()) return;
  const auto [here, made] =
      path_index_.try_emplace(address, static_cast<std::uint32_t>(paths_.size()));
  if (made) paths_.emplace_back();
  ServerPath& path = paths_[here->second];
  const std::uint32_t uses = made ? 1 : path.uses;  // in a copy it stays
  path = real.paths_[there->second];
  path.uses = std::max(path.uses, uses);
}

DestinationId Destinations::add(const Destination& config, const ServiceKey& key, Service* service,
                                std::shared_ptr<SharedLoad> load) {
  DestinationId id{static_cast<std::uint32_t>(states_.size())};
  if (free_.empty()) {
    states_.emplace_back();
    extras_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  clear(id);
  states_[index(id)].shared = load.get();
  states_[index(id)].configure(config, true);
  states_[index(id)].service = key;
  extras_[index(id)].service = service;
  extras_[index(id)].load = std::move(load);
  extras_[index(id)].in_use = true;
  begin_path(id);
  remember_nat(id);
  return id;
}

void Destinations::retire(DestinationId id) {
  states_[index(id)].retired = true;
  if (!states_[index(id)].referenced()) {
    release(id);
  } else {
    DestinationExtra& extra = extras_[index(id)];
    retired_.emplace(LoadKey{states_[index(id)].service, states_[index(id)].config.endpoint}, id);
    extra.retired_number = retirements_++;
    extra.retired_at = static_cast<std::uint32_t>(extra.service->retired.size());
    extra.service->retired.push_back(id);
  }
}

// The last of the list takes the place that becomes free.
void Destinations::leave_retired(DestinationId id) {
  Service& service = *extras_[index(id)].service;
  retired_.erase({states_[index(id)].service, states_[index(id)].config.endpoint});
  const DestinationId last = service.retired.back();
  service.retired[extras_[index(id)].retired_at] = last;
  extras_[index(last)].retired_at = extras_[index(id)].retired_at;
  service.retired.pop_back();
  if (service.retired.empty() && service.removed) abandoned_.push_back(&service);
}

std::optional<DestinationId> Destinations::revive(const Destination& config, const ServiceKey& key,
                                                  Service* service) {
  const auto found = retired_.find({key, config.endpoint});
  if (found == retired_.end()) return std::nullopt;
  const DestinationId id = found->second;
  leave_retired(id);
  states_[index(id)].retired = false;
  // The counters of a service that was removed, too, begin anew (observed in the kernel).
  if (extras_[index(id)].service != service) {
    states_[index(id)].statistics = {};
    extras_[index(id)].rates = {};
  }
  edit(id, config, true);
  extras_[index(id)].service = service;
  return id;
}

void Destinations::bind(DestinationId id) {
  DestinationState& state = states_[index(id)];
  state.count_inactive(1);
  if (state.reached_upper()) state.set_overloaded(true);
}

void Destinations::set_active(DestinationId id, bool active) {
  DestinationState& state = states_[index(id)];
  LVSD_ASSERT((active ? state.inactive : state.active) > 0);
  state.count_inactive(active ? -1 : 1);
  state.count_active(active ? 1 : -1);
}

void Destinations::unbind(DestinationId id, bool was_inactive) {
  DestinationState& state = states_[index(id)];
  LVSD_ASSERT((was_inactive ? state.inactive : state.active) > 0);
  was_inactive ? state.count_inactive(-1) : state.count_active(-1);
  let_go(state, id);
}

// As in the kernel, templates count for nothing but themselves, yet move the overload flag.
void Destinations::bind_template(DestinationId id) {
  DestinationState& state = states_[index(id)];
  ++state.persistent;
  if (state.reached_upper()) state.set_overloaded(true);
}

void Destinations::unbind_template(DestinationId id) {
  DestinationState& state = states_[index(id)];
  LVSD_ASSERT(state.persistent > 0);
  --state.persistent;
  let_go(state, id);
}

void Destinations::let_go(DestinationState& state, DestinationId id) {
  if (state.is_overloaded() && state.below_lower()) state.set_overloaded(false);
  if (!state.retired || state.referenced()) return;
  leave_retired(id);
  release(id);
}

const DestinationState* Destinations::find(DestinationId id) const {
  if (index(id) >= states_.size() || !extras_[index(id)].in_use) return nullptr;
  return &states_[index(id)];
}

void Destinations::detach(DestinationId id) {
  DestinationState& state = states_[index(id)];
  if (state.shared == nullptr) return;
  state.active = state.all_active();
  state.inactive = state.all_inactive();
  state.overloaded = state.is_overloaded();
  state.shared = nullptr;
  extras_[index(id)].load.reset();
}

void Destinations::edit(DestinationId id, const Destination& config, bool added) {
  count_tunnel(id, false);
  states_[index(id)].configure(config, added);
  count_tunnel(id, true);
  remember_nat(id);
}

void Destinations::begin_path(DestinationId id) {
  const IpAddress& address = states_[index(id)].config.endpoint.address;
  const auto [found, made] = path_index_.try_emplace(address, 0);
  if (made && free_paths_.empty()) {
    found->second = static_cast<std::uint32_t>(paths_.size());
    paths_.emplace_back();
  } else if (made) {
    found->second = free_paths_.back();
    free_paths_.pop_back();
  }
  extras_[index(id)].path = found->second;
  ++paths_[found->second].uses;
  count_tunnel(id, true);
}

void Destinations::end_path(DestinationId id) {
  count_tunnel(id, false);
  const std::uint32_t place = extras_[index(id)].path;
  if (--paths_[place].uses > 0) return;
  paths_[place] = {};
  path_index_.erase(states_[index(id)].config.endpoint.address);
  free_paths_.push_back(place);
}

// Of one kind, but for ports of GUE that differ.
void Destinations::count_tunnel(DestinationId id, bool begins) {
  const Tunnel* const tunnel = std::get_if<Tunnel>(&states_[index(id)].config.method);
  if (tunnel == nullptr) return;
  std::vector<ServerPath::Kind>& kinds = path(id).tunnels;
  auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const ServerPath::Kind& other) {
    return other.encapsulation == tunnel->encapsulation && other.port == tunnel->port;
  });
  if (kind == kinds.end()) kind = kinds.insert(kind, {tunnel->encapsulation, tunnel->port, 0});
  kind->uses += begins ? 1U : ~0U;
  if (kind->uses == 0) kinds.erase(kind);
}

void Destinations::release(DestinationId id) {
  if (extras_[index(id)].nat_address) {
    const auto found = nat_addresses_.find(states_[index(id)].config.endpoint.address);
    std::erase(found->second, id);
    if (found->second.empty()) nat_addresses_.erase(found);
  }
  end_path(id);
  clear(id);
  free_.push_back(id);
}

// An id that is among the moving ones is there once, whoever has it.
void Destinations::clear(DestinationId id) {
  const bool moving = extras_[index(id)].moving;
  states_[index(id)] = {};
  extras_[index(id)] = {};
  extras_[index(id)].moving = moving;
}

void Destinations::estimate_rates(std::uint64_t periods) {
  std::erase_if(moving_, [&](DestinationId id) {
    DestinationExtra& extra = extras_[index(id)];
    extra.rates.advance(states_[index(id)].statistics, periods);
    extra.moving = !extra.rates.idle();
    return !extra.moving;
  });
}

std::optional<DestinationId> Destinations::find_nat(std::uint8_t protocol,
                                                    const Endpoint& endpoint) const {
  const auto found = nat_addresses_.find(endpoint.address);
  if (found == nat_addresses_.end()) return std::nullopt;
  for (const DestinationId id : found->second) {
    const DestinationState& state = states_[index(id)];
    if (!state.retired && state.config.endpoint == endpoint &&
        (state.service.is_by_mark() ||
         static_cast<std::uint8_t>(state.service.protocol) == protocol) &&
        std::holds_alternative<Masquerade>(state.config.method)) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<DestinationId> Destinations::first_at(const IpAddress& address) const {
  const auto found = nat_addresses_.find(address);
  return found == nat_addresses_.end() ? std::nullopt : std::optional(found->second.front());
}

// Connections keep the method they began with, so an address is forgotten with its destination
// only.
void Destinations::remember_nat(DestinationId id) {
  DestinationExtra& extra = extras_[index(id)];
  if (extra.nat_address) return;
  if (!std::holds_alternative<Masquerade>(states_[index(id)].config.method)) return;
  extra.nat_address = true;
  nat_addresses_[states_[index(id)].config.endpoint.address].push_back(id);
}

}  // namespace lvsd
