// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/scheduler.h"

#include "lvsd/net/result.h"

namespace lvsd {

Scheduler make_scheduler(SchedulerKind kind, const SchedulerSettings& settings) {
  switch (kind) {
    using enum SchedulerKind;
    case rr:
      return RoundRobin();
    case wrr:
      return WeightedRoundRobin();
    case lc:
      return LeastConnection();
    case wlc:
      return WeightedLeastConnection();
    case sh:
      return SourceHash(settings.flags);
    case dh:
      return DestinationHash();
    case sed:
      return ShortestExpectedDelay();
    case nq:
      return NeverQueue();
    case fo:
      return WeightedFailover();
    case ovf:
      return WeightedOverflow();
    case mh:
      return Maglev(settings.flags);
    case lblc:
      return LocalityLeastConnection(settings.seed, settings.lblc_expiration);
    case lblcr:
      return ReplicatedLeastConnection(settings.seed, settings.lblcr_expiration);
    case twos:
      return PowerOfTwo(settings.seed);
  }
  LVSD_ASSERT(false);
  return RoundRobin();
}

std::optional<std::size_t> pick(Scheduler& scheduler, const Pool& pool, const ScheduleKey& key) {
  return std::visit([&](SchedulerLike auto& s) { return s.pick(pool, key); }, scheduler);
}

void destinations_changed(Scheduler& scheduler, const Pool& next,
                          std::span<const DestinationId> old_order, bool weights_changed) {
  std::visit([&](SchedulerLike auto& s) { s.changed(next, old_order, weights_changed); },
             scheduler);
}

void rename_destinations(Scheduler& scheduler,
                         const std::function<DestinationId(DestinationId)>& to) {
  if (auto* const cached = std::get_if<LocalityLeastConnection>(&scheduler)) {
    cached->rename(to);
  } else if (auto* const replicated = std::get_if<ReplicatedLeastConnection>(&scheduler)) {
    replicated->rename(to);
  }
}

void set_expirations(Scheduler& scheduler, Duration lblc, Duration lblcr) {
  if (auto* const cached = std::get_if<LocalityLeastConnection>(&scheduler)) {
    cached->set_expiration(lblc);
  } else if (auto* const replicated = std::get_if<ReplicatedLeastConnection>(&scheduler)) {
    replicated->set_expiration(lblcr);
  }
}

}  // namespace lvsd
