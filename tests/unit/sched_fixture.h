// SPDX-License-Identifier: GPL-2.0-or-later
// A scheduler and its pool, with destinations that have one-letter names, so that what was picked
// reads as a string: "AABABC". Every change to the pool is announced as a director would.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lvsd/net/result.h"
#include "lvsd/sched/scheduler.h"

namespace lvsd::test {

inline constexpr char kNobody = '-';

class ScheduledPool {
 public:
  using Weights = std::initializer_list<std::pair<char, std::uint16_t>>;

  enum class Start { new_service, exchanged_scheduler };

  ScheduledPool(SchedulerKind kind, Weights weights, Start start = Start::new_service,
                const SchedulerSettings& settings = {})
      : scheduler_(make_scheduler(kind, settings)) {
    for (const auto& [name, weight] : weights) order_.push_back(create(name, weight));
    const std::vector<DestinationId> old =
        start == Start::new_service ? std::vector<DestinationId>() : order_;
    destinations_changed(scheduler_, pool(), old, false);
  }

  DestinationState& operator[](char name) { return states_[index(id_of(name))]; }
  Pool pool() const { return {order_, states_}; }

  char pick_for(const ScheduleKey& key) {
    const std::optional<std::size_t> picked = pick(scheduler_, pool(), key);
    if (!picked) return kNobody;
    LVSD_ASSERT(*picked < order_.size());
    return names_[index(order_[*picked])];
  }
  char pick_for(std::string_view client) {
    return pick_for(ScheduleKey{*IpAddress::parse(client), Port(1024), IpAddress(10, 0, 3, 100)});
  }
  std::string picks(std::size_t count) {
    std::string out;
    while (out.size() < count) out += pick_for("198.51.100.7");
    return out;
  }
  // The same, each connection being established before the next one comes.
  std::string connect(std::size_t count) {
    std::string out;
    while (out.size() < count) {
      out += pick_for("198.51.100.7");
      if (out.back() != kNobody) ++(*this)[out.back()].active;
    }
    return out;
  }

  // Adds at the end, as a file does, or at the front, as the kernel does.
  void add(char name, std::uint16_t weight, bool in_front = false) {
    const std::vector<DestinationId> old = order_;
    order_.insert(in_front ? order_.begin() : order_.end(), create(name, weight));
    destinations_changed(scheduler_, pool(), old, false);
  }
  void remove(char name) {
    const std::vector<DestinationId> old = order_;
    std::erase(order_, id_of(name));
    destinations_changed(scheduler_, pool(), old, false);
  }
  void set_weight(char name, std::uint16_t weight) {
    DestinationState& state = (*this)[name];
    Destination next = state.config;
    next.weight = Weight(weight);
    state.configure(next, false);
    destinations_changed(scheduler_, pool(), std::vector(order_), true);
  }
  void reorder(std::string_view names) {
    const std::vector<DestinationId> old = order_;
    order_.clear();
    for (const char name : names) order_.push_back(id_of(name));
    destinations_changed(scheduler_, pool(), old, false);
  }

 private:
  // The recordings' servers are 10.0.2.11 and so on, as digits; letters come behind them.
  static Endpoint endpoint_of(char name) {
    return {IpAddress(10, 0, 2, static_cast<std::uint8_t>(name - '1' + 11)), Port(80)};
  }
  static std::size_t index(DestinationId id) { return static_cast<std::uint32_t>(id); }

  DestinationId create(char name, std::uint16_t weight) {
    DestinationState state;
    state.configure({.endpoint = endpoint_of(name), .method = {}, .weight = Weight(weight)}, true);
    states_.push_back(state);
    names_ += name;
    return DestinationId{static_cast<std::uint32_t>(states_.size() - 1)};
  }
  DestinationId id_of(char name) const {  // the newest of that name
    const std::size_t at = names_.rfind(name);
    LVSD_ASSERT(at != std::string::npos);
    return DestinationId{static_cast<std::uint32_t>(at)};
  }

  Scheduler scheduler_;
  std::vector<DestinationState> states_;
  std::string names_;  // by id
  std::vector<DestinationId> order_;
};

}  // namespace lvsd::test
