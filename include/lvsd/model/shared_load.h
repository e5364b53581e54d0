// SPDX-License-Identifier: GPL-2.0-or-later
// The connections of a destination on all workers. Each worker has its own list of connections, but
// least-connection schedulers and thresholds have to go by all of them, or N workers would take N
// times the upper threshold, and each would send its first connection to the same destination.
//
// Relaxed counters, on a cache line for each destination: a scheduler that sees a count a few
// nanoseconds late picks as well as before. Only openings, ends and changes of state touch them,
// not packets. With one worker there are none, and the director's own counts are the truth.
//
// Workers do not agree on DestinationIds, so a book finds them by service and endpoint; it belongs
// to whoever has the workers, and hands them out with the Changes that add destinations.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "lvsd/model/service.h"

namespace lvsd {

struct Changes;

struct alignas(64) SharedLoad {
  std::atomic<std::uint32_t> active = 0, inactive = 0;
  std::atomic<bool> overloaded = false;
};

struct LoadKey {
  ServiceKey service;
  Endpoint endpoint;
  friend bool operator==(const LoadKey&, const LoadKey&) = default;
};
struct LoadKeyHash {
  std::size_t operator()(const LoadKey& key) const;
};
using Loads = std::unordered_map<LoadKey, std::shared_ptr<SharedLoad>, LoadKeyHash>;

class LoadBook {
 public:
  // Gives the destinations that `changes` adds their counters, new or, where connections remember
  // the destination, those that it has.
  void hand_out(Changes& changes);

 private:
  void give(Loads& out, const ServiceKey& service, const Endpoint& endpoint);

  Loads all_;
};

}  // namespace lvsd
