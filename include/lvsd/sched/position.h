// SPDX-License-Identifier: GPL-2.0-or-later
// Where a walk over a pool stands: on the entry it took last, or before the first one (nullopt).
#pragma once

#include <optional>
#include <span>

#include "lvsd/model/destination_state.h"

namespace lvsd {

using PoolPosition = std::optional<std::size_t>;

// The same place in `next`: the entry itself wherever it stands now, or, where it is gone, its
// nearest predecessor in the old order that is still there (reference section 4.2).
PoolPosition carried_over(PoolPosition position, std::span<const DestinationId> old_order,
                          const Pool& next);

// Whether both orders hold the same destinations, in whatever order.
bool same_members(std::span<const DestinationId> a, std::span<const DestinationId> b);

}  // namespace lvsd
