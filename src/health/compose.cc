// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/health/pool.h"

namespace lvsd {
namespace {

constexpr unsigned kWhole = 1000;
constexpr std::uint32_t kLargest = 65535, kSteps = 100;

// What all weights are multiplied by, so that hundredths of the largest are whole numbers.
std::uint32_t scale_for(const VirtualService& service, const ServiceOutcome& outcome) {
  const bool whole = std::ranges::all_of(outcome.destinations, [](const auto& entry) {
    return entry.second.share == kWhole || !entry.second.takes;
  });
  if (whole) return 1;
  std::uint32_t largest = 1;
  for (const Destination& one : service.destinations) {
    largest = std::max<std::uint32_t>(largest, one.weight.value());
  }
  return largest >= kSteps ? 1 : (kSteps + largest - 1) / largest;
}

// A destination that takes connections takes some, however small its part; an agent's 0% takes
// none. Parts are whole hundredths: wrr deals in runs as long as the weights without their common
// divisor.
Weight weigh(Weight weight, const DestinationOutcome& outcome, std::uint32_t scale) {
  if (!outcome.takes || outcome.share == 0 || weight.value() == 0) return Weight(0);
  const std::uint32_t full = weight.value() * scale;
  const std::uint32_t step = std::max(full / kSteps, 1U);
  std::uint32_t part = full;
  if (outcome.share != kWhole) {
    const std::uint64_t exact = std::uint64_t{full} * outcome.share;
    part = static_cast<std::uint32_t>((exact + kWhole * step / 2) / (kWhole * step)) * step;
  }
  return Weight(static_cast<std::uint16_t>(std::clamp(part, step, kLargest)));
}

}  // namespace

void compose(VirtualService& service, const ServiceOutcome& outcome) {
  const std::uint32_t scale = scale_for(service, outcome);
  const auto outcome_of = [&outcome](const Destination& destination) {
    const auto found = outcome.destinations.find(destination.endpoint);
    return found != outcome.destinations.end() ? found->second : DestinationOutcome{};
  };
  std::erase_if(service.destinations,
                [&](const Destination& one) { return outcome_of(one).removed; });
  for (Destination& one : service.destinations) {
    one.weight = weigh(one.weight, outcome_of(one), scale);
  }
  if (outcome.sorry_server) service.destinations.push_back(*outcome.sorry_server);
}

}  // namespace lvsd
