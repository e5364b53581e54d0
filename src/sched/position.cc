// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/sched/position.h"

#include <algorithm>
#include <vector>

namespace lvsd {

PoolPosition carried_over(PoolPosition position, std::span<const DestinationId> old_order,
                          const Pool& next) {
  if (!position || *position >= old_order.size()) return std::nullopt;
  const std::span<const DestinationId> order = next.order();
  for (std::size_t behind = *position + 1; behind > 0; --behind) {
    const auto found = std::ranges::find(order, old_order[behind - 1]);
    if (found != order.end()) return static_cast<std::size_t>(found - order.begin());
  }
  return std::nullopt;
}

bool same_members(std::span<const DestinationId> a, std::span<const DestinationId> b) {
  if (a.size() != b.size()) return false;
  if (std::ranges::equal(a, b)) return true;
  std::vector<DestinationId> left(a.begin(), a.end()), right(b.begin(), b.end());
  std::ranges::sort(left);
  std::ranges::sort(right);
  return left == right;
}

}  // namespace lvsd
