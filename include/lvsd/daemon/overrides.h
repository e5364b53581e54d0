// SPDX-License-Identifier: GPL-2.0-or-later
// What the operator changed at run time, destination by destination: another weight, or a drain.
// It outlives reload and restart (overrides_file.h), so that a server that was taken out at night
// is not let in again by whoever edits the file in the morning; `lvsctl drift` shows it, and only
// undrain, weight --reset or reload --discard-overrides end it.
//
// Times are the wall clock's: a deadline means the same after a restart.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "lvsd/model/config.h"

namespace lvsd {

using WallTime = std::chrono::system_clock::time_point;

struct DestinationKey {
  ServiceKey service;
  Endpoint endpoint;
  friend auto operator<=>(const DestinationKey&, const DestinationKey&) = default;
};

struct OperatorDrain {
  bool keeps_clients = true;
  Ending at_deadline = Ending::keep;
  std::optional<WallTime> deadline = {};
  WallTime since{};
  std::uint32_t connections = 0;  // open ones when it began: for the rate of decline
  bool ended = false;             // the deadline has passed, and what it asks for is done
  Drain effective() const {
    const Ending ending = ended ? at_deadline : Ending::keep;
    return {ending, keeps_clients && ending == Ending::keep};
  }
  friend bool operator==(const OperatorDrain&, const OperatorDrain&) = default;
};

struct Override {
  std::optional<Weight> weight = {};
  std::optional<OperatorDrain> drain = {};
  bool empty() const { return !weight && !drain; }
  friend bool operator==(const Override&, const Override&) = default;
};

class Overrides {
 public:
  void set_weight(const DestinationKey& key, std::optional<Weight> weight);
  void set_drain(const DestinationKey& key, const std::optional<OperatorDrain>& drain);
  void put(const DestinationKey& key, const Override& what);  // an empty one is none
  void clear() { all_.clear(); }

  const Override* find(const DestinationKey& key) const;
  bool empty() const { return all_.empty(); }
  const std::map<DestinationKey, Override>& all() const { return all_; }
  friend bool operator==(const Overrides&, const Overrides&) = default;

  // Forgets those of destinations that are not in the file, and says which.
  std::vector<DestinationKey> keep_only(const Config& file);
  // Marks the drains whose deadline has passed as ended, and says which.
  std::vector<DestinationKey> end_drains(WallTime now);

 private:
  std::map<DestinationKey, Override> all_;
};

// When a drain that began with `start` connections at `since` and has `left` now will have none, if
// they go on ending at the rate at which they did, which is in proportion to their number. Nothing
// where none has ended yet.
std::optional<WallTime> estimated_end(WallTime since, std::uint32_t start, WallTime now,
                                      std::uint32_t left);

}  // namespace lvsd
