// SPDX-License-Identifier: GPL-2.0-or-later
// Finds in one configuration the services of another. The two are nearly always the same list but
// for a few entries, so a service is looked for first where the last one was found, one further; an
// index by key is made only when that fails.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "lvsd/model/service.h"

namespace lvsd {

class ServiceIndex {
 public:
  explicit ServiceIndex(const std::vector<VirtualService>& services) : services_(services) {}

  // To be asked in the order of the other configuration.
  std::optional<std::size_t> find(const ServiceKey& key) {
    const std::optional<std::size_t> place = is_next(key) ? next_ : look_up(key);
    if (place) next_ = *place + 1;
    return place;
  }
  bool contains(const ServiceKey& key) { return find(key).has_value(); }

 private:
  bool is_next(const ServiceKey& key) const {
    return next_ < services_.size() && services_[next_].key == key;
  }
  std::optional<std::size_t> look_up(const ServiceKey& key) {
    if (!places_) {
      places_.emplace();
      places_->reserve(services_.size());
      for (std::size_t i = 0; i < services_.size(); ++i) places_->emplace(services_[i].key, i);
    }
    const auto found = places_->find(key);
    return found == places_->end() ? std::nullopt : std::optional(found->second);
  }

  const std::vector<VirtualService>& services_;
  std::size_t next_ = 0;
  std::optional<std::unordered_map<ServiceKey, std::size_t, ServiceKeyHash>> places_;
};

}  // namespace lvsd
