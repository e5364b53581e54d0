// SPDX-License-Identifier: GPL-2.0-or-later
// The walk that least-connection schedulers share: the usable destination with the smallest load
// for its weight, the earliest of equals. Compared by cross multiplication, so nothing is rounded:
// a load below 2^41 times a weight below 2^16 fits 64 bits.
//
// A walk it remains, and not a heap: counts change with every connection that opens, closes or is
// established, by other workers too, and a walk over a thousand destinations costs some
// microseconds of the tens that a new connection costs.
#pragma once

#include <cstdint>
#include <optional>

#include "lvsd/model/destination_state.h"

namespace lvsd {

// `load` and `weight` of a usable destination; a weight is never zero.
template <class Load, class WeightOf>
std::optional<std::size_t> least(const Pool& pool, Load load, WeightOf weight) {
  std::uint64_t best_load = 1, best_weight = 0;  // more than any
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const DestinationState& state = pool[i];
    if (!state.usable()) continue;
    const std::uint64_t its_load = load(state), its_weight = weight(state);
    if (its_load * best_weight >= best_load * its_weight) continue;
    best = i;
    if (its_load == 0) break;  // nobody has less
    best_load = its_load;
    best_weight = its_weight;
  }
  return best;
}

inline constexpr auto kByWeight = [](const DestinationState& state) {
  return std::uint64_t{state.config.weight.value()};
};

}  // namespace lvsd
