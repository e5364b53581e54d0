// SPDX-License-Identifier: GPL-2.0-or-later
// Copies of what the director holds, for people.
#include <algorithm>

#include "state.h"

namespace lvsd {
namespace {

// Without changing what is estimated: looking has no effect.
Statistics rates_of(RateEstimator estimator, const Statistics& counted, std::uint64_t periods) {
  estimator.advance(counted, periods);
  return estimator.shown();
}

DestinationSnapshot copy(DestinationId id, const DestinationState& state) {
  return {.id = id,
          .config = state.config,
          .active = state.active,
          .inactive = state.inactive,
          .persistent = state.persistent,
          .overloaded = state.is_overloaded(),
          .retired = state.retired,
          .statistics = state.statistics};
}

}  // namespace

// Before anything is counted in a new period.
void Director::State::estimate_rates(TimePoint now) {
  const std::uint64_t periods = rate_clock.periods_until(now);
  rates.advance(counters.statistics, periods);
  for (const auto& [key, service] : services) service->rates.advance(service->statistics, periods);
  for (const auto& service : removed) service->rates.advance(service->statistics, periods);
  destinations.estimate_rates(periods);
  rate_clock.pass(periods);
}

void Director::State::zero(const std::optional<ServiceKey>& key) {
  const auto begin_anew = [](Statistics& statistics, RateEstimator& estimator) {
    statistics = {};
    estimator = {};
  };
  for (const auto& [name, service] : services) {
    if (key && name != *key) continue;
    begin_anew(service->statistics, service->rates);
    for (const DestinationId id : service->order) {
      begin_anew(destinations[id].statistics, destinations.extra(id).rates);
    }
  }
  if (key) return;
  begin_anew(counters.statistics, rates);
  for (const auto& service : removed) begin_anew(service->statistics, service->rates);
  for (std::uint32_t i = 0; i < destinations.states().size(); ++i) {
    begin_anew(destinations[DestinationId{i}].statistics,
               destinations.extra(DestinationId{i}).rates);
  }
}

ServiceSnapshot Director::State::show(const Service& service, std::uint64_t periods) const {
  const auto copy_with_rates = [&](DestinationId id) {
    DestinationSnapshot entry = copy(id, destinations[id]);
    entry.rates = rates_of(destinations.extra(id).rates, entry.statistics, periods);
    return entry;
  };
  ServiceSnapshot entry;
  entry.name = service.name;
  entry.key = service.key;
  entry.scheduler = service.kind;
  entry.scheduler_flags = service.flags;
  entry.persistence = service.persistence;
  entry.one_packet = service.one_packet;
  entry.statistics = service.statistics;
  entry.rates = rates_of(service.rates, service.statistics, periods);
  entry.destinations.reserve(service.order.size());
  for (const DestinationId id : service.order) entry.destinations.push_back(copy_with_rates(id));
  std::vector<DestinationId> retired = service.retired;
  std::sort(retired.begin(), retired.end(), [this](DestinationId a, DestinationId b) {
    return destinations.extra(a).retired_number < destinations.extra(b).retired_number;
  });
  for (const DestinationId id : retired) entry.destinations.push_back(copy_with_rates(id));
  return entry;
}

std::vector<ServiceSnapshot> Director::State::show(std::span<const ServiceKey> keys,
                                                   TimePoint now) const {
  std::vector<ServiceSnapshot> shown;
  const std::uint64_t periods = rate_clock.periods_until(now);
  for (const ServiceKey& key : keys) {
    const auto found = services.find(key);
    if (found != services.end()) shown.push_back(show(*found->second, periods));
  }
  return shown;
}

DirectorSnapshot Director::State::totals(TimePoint now) const {
  DirectorSnapshot out;
  const std::uint64_t periods = rate_clock.periods_until(now);
  for (const auto& service : removed) {
    out.services.push_back(show(*service, periods));
    out.services.back().removed = true;
  }
  out.counters = counters;
  out.counters.rates = rates_of(rates, counters.statistics, periods);
  out.timeouts = timeouts;
  out.connections = connections.size();
  out.connection_limit = connections.limit();
  out.connection_buckets = connections.buckets();
  return out;
}

DirectorSnapshot Director::State::snapshot(TimePoint now) const {
  DirectorSnapshot out = totals(now);
  const std::uint64_t periods = rate_clock.periods_until(now);
  for (const auto& [key, service] : services) out.services.push_back(show(*service, periods));
  std::stable_sort(
      out.services.begin(), out.services.end(),
      [](const ServiceSnapshot& a, const ServiceSnapshot& b) { return a.key < b.key; });
  return out;
}

}  // namespace lvsd
