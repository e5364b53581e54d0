// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/snapshot_sum.h"

#include <algorithm>

namespace lvsd {

Statistics& operator+=(Statistics& sum, const Statistics& other) {
  sum.connections += other.connections;
  sum.packets_in += other.packets_in;
  sum.packets_out += other.packets_out;
  sum.bytes_in += other.bytes_in;
  sum.bytes_out += other.bytes_out;
  return sum;
}

ServiceSnapshot& operator+=(ServiceSnapshot& sum, const ServiceSnapshot& other) {
  sum.statistics += other.statistics;
  sum.rates += other.rates;
  auto& own = sum.destinations;
  for (std::size_t i = 0; i < other.destinations.size(); ++i) {
    const DestinationSnapshot& each = other.destinations[i];
    const auto is_same = [&each](const DestinationSnapshot& d) {
      return d.config.endpoint == each.config.endpoint && d.retired == each.retired;
    };
    // Nearly always at the same place, so that nothing has to be searched.
    auto same = own.begin() + static_cast<std::ptrdiff_t>(std::min(i, own.size()));
    if (same == own.end() || !is_same(*same)) same = std::ranges::find_if(own, is_same);
    if (same == own.end()) {
      own.push_back(each);  // retired, and already gone from the other
      continue;
    }
    same->active += each.active;
    same->inactive += each.inactive;
    same->persistent += each.persistent;
    same->overloaded = same->overloaded || each.overloaded;
    same->statistics += each.statistics;
    same->rates += each.rates;
  }
  return sum;
}

}  // namespace lvsd
