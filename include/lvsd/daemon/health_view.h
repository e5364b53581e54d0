// SPDX-License-Identifier: GPL-2.0-or-later
// What everybody but the keeper wants to know of checked destinations: list, status, explain and
// metrics show it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "lvsd/health/track.h"

namespace lvsd {

struct CheckedView {
  ServiceKey key;
  Endpoint endpoint;
  HealthState state = HealthState::checking;
  std::uint64_t succeeded = 0, failed = 0;  // checks
  std::chrono::microseconds took{};         // the last one
  std::int64_t expires = 0;                 // its certificate, since 1970; 0: none seen
};

struct HealthView {
  std::vector<CheckedView> destinations;        // by service and endpoint
  std::vector<std::string> quorum_lost, panic;  // services, by name

  const CheckedView* find(const ServiceKey& key, const Endpoint& endpoint) const;
};

}  // namespace lvsd
