// SPDX-License-Identifier: GPL-2.0-or-later
// All schedulers as one closed set. A new one is a header with a SchedulerLike class, a
// SchedulerKind and a place in the variant; what does not know it yet then does not compile.
#pragma once

#include <functional>
#include <variant>

#include "lvsd/sched/dh.h"
#include "lvsd/sched/fo.h"
#include "lvsd/sched/key.h"
#include "lvsd/sched/lblc.h"
#include "lvsd/sched/lblcr.h"
#include "lvsd/sched/lc.h"
#include "lvsd/sched/mh.h"
#include "lvsd/sched/nq.h"
#include "lvsd/sched/ovf.h"
#include "lvsd/sched/rr.h"
#include "lvsd/sched/sed.h"
#include "lvsd/sched/sh.h"
#include "lvsd/sched/twos.h"
#include "lvsd/sched/wlc.h"
#include "lvsd/sched/wrr.h"

namespace lvsd {

using Scheduler =
    std::variant<RoundRobin, WeightedRoundRobin, LeastConnection, WeightedLeastConnection,
                 SourceHash, DestinationHash, ShortestExpectedDelay, NeverQueue, WeightedFailover,
                 WeightedOverflow, Maglev, LocalityLeastConnection, ReplicatedLeastConnection,
                 PowerOfTwo>;

// What some schedulers are made with: sh and mh the flags, twos, lblc and lblcr the seed.
struct SchedulerSettings {
  SchedulerFlags flags = {};
  std::uint64_t seed = 0;
  Duration lblc_expiration = std::chrono::hours(24);  // the kernel's sysctls of these names
  Duration lblcr_expiration = std::chrono::hours(24);
};

// A scheduler that knows of no destination yet: destinations_changed() introduces the first ones,
// with an empty old order for a new service, with the current one where the scheduler of a running
// service is exchanged (the two differ in where wrr begins, as they do in the kernel).
Scheduler make_scheduler(SchedulerKind kind, const SchedulerSettings& settings = {});

// The index in `pool` of the destination for a new connection, or nothing where none is usable.
std::optional<std::size_t> pick(Scheduler& scheduler, const Pool& pool, const ScheduleKey& key);

// To be called after destinations were added, removed, edited or reordered, with the order as it
// was before. An id that is in both orders has to be the same destination in both.
void destinations_changed(Scheduler& scheduler, const Pool& next,
                          std::span<const DestinationId> old_order, bool weights_changed);

// The same destinations under other ids, as in the copy that a dry run makes. Most know them by
// their places in the pool only.
void rename_destinations(Scheduler& scheduler,
                         const std::function<DestinationId(DestinationId)>& to);

// New expiration times for lblc and lblcr, which others do not have.
void set_expirations(Scheduler& scheduler, Duration lblc, Duration lblcr);

}  // namespace lvsd
