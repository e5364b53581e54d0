// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lvsd/director/director.h"

namespace lvsd::ctl {

// What two directors of one configuration did together, as far as a report shows it.
void add_snapshot(DirectorSnapshot& to, const DirectorSnapshot& from);

}  // namespace lvsd::ctl
