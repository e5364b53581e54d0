// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/effective.h"

#include <algorithm>

namespace lvsd {

Config effective(const Config& file, const Influences& /*influences*/) { return file; }

bool only_edits(const Changes& changes) {
  const auto keeps_destinations = [](const ServiceChange& change) {
    return change.added.empty() && change.removed.empty() && !change.settings_changed &&
           !change.methods_changed;
  };
  return changes.added.empty() && changes.removed.empty() && !changes.announce &&
         std::ranges::all_of(changes.changed, keeps_destinations);
}

}  // namespace lvsd
