// SPDX-License-Identifier: GPL-2.0-or-later
// A destination as it lives: the configured value, its connection counts and statistics. Schedulers
// see it through a Pool. Connections name it by DestinationId, which is stable while any refers to
// it.
#pragma once

#include <cstdint>
#include <span>

#include "lvsd/model/service.h"
#include "lvsd/model/shared_load.h"

namespace lvsd {

enum class DestinationId : std::uint32_t {};
inline constexpr DestinationId kNoDestination{0xffffffffU};

// Counted as IPVS counts (reference section 8.1): bytes are IP lengths, in before NAT or
// encapsulation, out after.
struct Statistics {
  std::uint64_t connections = 0, packets_in = 0, packets_out = 0, bytes_in = 0, bytes_out = 0;
  friend bool operator==(const Statistics&, const Statistics&) = default;
};

// What schedulers look at comes first, on one cache line: they may walk a thousand of these for
// each connection.
struct alignas(64) DestinationState {
  SharedLoad* shared = nullptr;            // of all directors, where there are several
  std::uint32_t active = 0, inactive = 0;  // connections (reference section 2.5) of this director
  bool overloaded = false;
  bool retired = false;           // removed by reload while connections still refer to it
  bool ended = false;             // drained to the end: its connections are, at their next packet
  std::uint16_t last_weight = 0;  // the latest above zero, by which mh places; zero: never any
  Destination config;
  std::uint32_t persistent = 0;  // templates, which are no connections
  ServiceKey service;
  Statistics statistics;

  // A new configuration of a destination just added (or brought back), or edited. As in the kernel
  // the one it is added with counts as last weight even if zero (reference section 2.6).
  void configure(const Destination& next, bool added) {
    if (added || next.weight.value() > 0) last_weight = next.weight.value();
    const std::uint32_t upper = next.thresholds.upper;
    if (upper == 0 || upper > config.thresholds.upper) set_overloaded(false);
    config = next;
    ended = config.drain && config.drain->ending != Ending::keep;
    if (config.drain) config.weight = Weight(0);
  }
  // Whether a persistence template may still lead here.
  bool keeps_clients() const { return !retired && (!config.drain || config.drain->keeps_clients); }

  // Reference section 2.5: to be asked after a connection came, or went.
  bool reached_upper() const {
    return config.thresholds.upper != 0 && connections() >= config.thresholds.upper;
  }
  bool below_lower() const {
    const auto [upper, lower] = config.thresholds;
    if (lower != 0) return connections() < lower;
    return upper == 0 || std::uint64_t{4} * connections() < std::uint64_t{3} * upper;
  }

  // What schedulers and thresholds go by.
  std::uint32_t all_active() const {
    return shared == nullptr ? active : shared->active.load(std::memory_order_relaxed);
  }
  std::uint32_t all_inactive() const {
    return shared == nullptr ? inactive : shared->inactive.load(std::memory_order_relaxed);
  }
  std::uint32_t connections() const { return all_active() + all_inactive(); }
  bool is_overloaded() const {
    return shared == nullptr ? overloaded : shared->overloaded.load(std::memory_order_relaxed);
  }

  void count_active(int difference) {
    active += static_cast<std::uint32_t>(difference);
    if (shared != nullptr) {
      shared->active.fetch_add(static_cast<std::uint32_t>(difference), std::memory_order_relaxed);
    }
  }
  void count_inactive(int difference) {
    inactive += static_cast<std::uint32_t>(difference);
    if (shared != nullptr) {
      shared->inactive.fetch_add(static_cast<std::uint32_t>(difference), std::memory_order_relaxed);
    }
  }
  void set_overloaded(bool is) {
    overloaded = is;
    if (shared != nullptr) shared->overloaded.store(is, std::memory_order_relaxed);
  }

  bool referenced() const { return active + inactive + persistent > 0; }
  bool usable() const { return config.weight.value() > 0 && !is_overloaded() && !retired; }
};

// What a scheduler picks from: a service's destinations, in file order.
class Pool {
 public:
  Pool(std::span<const DestinationId> order, std::span<const DestinationState> states)
      : order_(order), states_(states) {}
  std::size_t size() const { return order_.size(); }
  DestinationId id(std::size_t i) const { return order_[i]; }
  const DestinationState& operator[](std::size_t i) const {
    return states_[static_cast<std::uint32_t>(order_[i])];
  }
  std::span<const DestinationId> order() const { return order_; }

 private:
  std::span<const DestinationId> order_;
  std::span<const DestinationState> states_;
};

}  // namespace lvsd
