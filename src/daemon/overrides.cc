// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/overrides.h"

#include <cmath>
#include <set>

namespace lvsd {

void Overrides::put(const DestinationKey& key, const Override& what) {
  if (what.empty()) {
    all_.erase(key);
  } else {
    all_[key] = what;
  }
}

void Overrides::set_weight(const DestinationKey& key, std::optional<Weight> weight) {
  const Override* const known = find(key);
  put(key, {weight, known != nullptr ? known->drain : std::nullopt});
}

void Overrides::set_drain(const DestinationKey& key, const std::optional<OperatorDrain>& drain) {
  const Override* const known = find(key);
  put(key, {known != nullptr ? known->weight : std::nullopt, drain});
}

const Override* Overrides::find(const DestinationKey& key) const {
  const auto found = all_.find(key);
  return found == all_.end() ? nullptr : &found->second;
}

std::vector<DestinationKey> Overrides::keep_only(const Config& file) {
  std::vector<DestinationKey> gone;
  if (all_.empty()) return gone;
  std::set<DestinationKey> there;
  for (const VirtualService& service : file.services) {
    for (const Destination& each : service.destinations) {
      const DestinationKey key{service.key, each.endpoint};
      if (all_.contains(key)) there.insert(key);
    }
  }
  for (const auto& [key, what] : all_) {
    if (!there.contains(key)) gone.push_back(key);
  }
  for (const DestinationKey& key : gone) all_.erase(key);
  return gone;
}

std::vector<DestinationKey> Overrides::end_drains(WallTime now) {
  std::vector<DestinationKey> ended;
  for (auto& [key, what] : all_) {
    if (!what.drain || what.drain->ended || !what.drain->deadline) continue;
    if (now < *what.drain->deadline) continue;
    what.drain->ended = true;
    ended.push_back(key);
  }
  return ended;
}

std::optional<WallTime> estimated_end(WallTime since, std::uint32_t start, WallTime now,
                                      std::uint32_t left) {
  if (left == 0) return now;
  const std::chrono::duration<double> passed = now - since;
  if (left >= start || passed.count() <= 0) return std::nullopt;
  // left = start * e^(-rate * passed); the last one ends when less than one is expected.
  const double rate = std::log(double(start) / double(left)) / passed.count();
  const std::chrono::duration<double> rest((std::log(double(left)) + std::log(2.0)) / rate);
  constexpr std::chrono::hours kBeyondTelling{24 * 365};
  if (rest > kBeyondTelling) return std::nullopt;
  return now + std::chrono::duration_cast<WallTime::duration>(rest);
}

}  // namespace lvsd
