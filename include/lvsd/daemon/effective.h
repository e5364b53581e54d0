// SPDX-License-Identifier: GPL-2.0-or-later
// What the workers run is not the file alone: it is the file as changed at run time. Each influence
// is a value here, and effective() composes them, so that every change of any of them takes one
// path: effective() -> diff() -> the workers, like a reload. The core never learns why a weight is
// what it is.
//
// The rule of composition, in this order, for each destination:
//   1. the file's weight, or the operator's where one was given;
//   2. times what slow start and the destination's agent allow;
//   3. drained, which the core takes as zero, where the file or the operator says so; zero where
//      health takes it out; with `on_failure: remove` it is gone, with `reset` it is drained by
//      resets, unless it is drained to an end already.
// Later ones never raise what earlier ones lowered. A service's sorry server is one more
// destination, of weight zero until it is needed.
#pragma once

#include <map>

#include "lvsd/daemon/overrides.h"
#include "lvsd/health/pool.h"
#include "lvsd/model/changes.h"

namespace lvsd {

struct Influences {
  Overrides overrides;
  std::map<ServiceKey, ServiceOutcome> health;  // of services that have any
};

// The service as the operator has it: the first of these, and his drains.
VirtualService overridden(VirtualService service, const Overrides& overrides);

Config effective(const Config& file, const Influences& influences);

// Whether all that changes is how destinations that stay are weighed: no address, rule or method.
bool only_edits(const Changes& changes);

}  // namespace lvsd
