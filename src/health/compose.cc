// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/health/pool.h"

namespace lvsd {
namespace {

constexpr unsigned kWhole = 1000;
constexpr std::uint32_t kLargest = 65535, kSteps = 100;

DestinationOutcome outcome_of(const ServiceOutcome& outcome, const Destination& destination) {
  const auto found = outcome.destinations.find(destination.endpoint);
  return found != outcome.destinations.end() ? found->second : DestinationOutcome{};
}

struct Measure {
  std::uint32_t scale = 1;  // what all weights are multiplied by
  std::uint32_t step = 1;   // what parts of weights are multiples of
};

// So that hundredths of the largest part are whole numbers.
Measure measure_of(const VirtualService& service, const ServiceOutcome& outcome) {
  const bool whole = std::ranges::all_of(outcome.destinations, [](const auto& entry) {
    return entry.second.share == kWhole || !entry.second.takes;
  });
  if (whole) return {};
  std::uint32_t largest = 1;  // in thousandths
  for (const Destination& one : service.destinations) {
    const DestinationOutcome its = outcome_of(outcome, one);
    if (its.takes) largest = std::max(largest, std::uint32_t{one.weight.value()} * its.share);
  }
  constexpr std::uint32_t kWanted = kSteps * kWhole;
  if (largest >= kWanted) return {1, largest / kWanted};
  return {(kWanted + largest - 1) / largest, 1};
}

// A destination that takes connections takes some, however small its part; an agent's 0% takes
// none. Parts are whole hundredths: wrr deals in runs as long as the weights without their common
// divisor.
Weight weigh(Weight weight, const DestinationOutcome& outcome, const Measure& measure) {
  if (!outcome.takes || outcome.share == 0 || weight.value() == 0) return Weight(0);
  const std::uint32_t full = weight.value() * measure.scale;
  const std::uint32_t step = std::clamp(full / kSteps, 1U, measure.step);
  std::uint32_t part = full;
  if (outcome.share != kWhole) {
    const std::uint64_t exact = std::uint64_t{full} * outcome.share;
    part = static_cast<std::uint32_t>((exact + kWhole * step / 2) / (kWhole * step)) * step;
  }
  return Weight(static_cast<std::uint16_t>(std::clamp(part, step, kLargest)));
}

}  // namespace

void compose(VirtualService& service, const ServiceOutcome& outcome) {
  const Measure measure = measure_of(service, outcome);
  std::erase_if(service.destinations,
                [&](const Destination& one) { return outcome_of(outcome, one).removed; });
  for (Destination& one : service.destinations) {
    const DestinationOutcome its = outcome_of(outcome, one);
    one.weight = weigh(one.weight, its, measure);
    const bool ends = one.drain && one.drain->ending != Ending::keep;
    if (its.reset && !ends) one.drain = Drain{Ending::reset, false};
  }
  if (outcome.sorry_server) service.destinations.push_back(*outcome.sorry_server);
}

}  // namespace lvsd
