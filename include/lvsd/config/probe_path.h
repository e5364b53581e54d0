// SPDX-License-Identifier: GPL-2.0-or-later
// What the data path has to know of checks with `via: service`: which real servers are checked that
// way, and the mark of their packets. It follows from the rest of the file.
//
// A service's mark is a hash of what it listens on, so that it is the same in every file and run,
// whatever stands around the service; where two meet, the later one in the file gets the next.
#pragma once

#include "lvsd/config/fields.h"
#include "lvsd/config/file.h"

namespace lvsd {

// `services`: the list in the file, for what is wrong.
void lay_probe_paths(const Item& services, ConfigFile& file);

// The marks of a file that is loaded while others are captured: with that upper half.
void use_probe_marks(Config& config, std::uint16_t upper);

}  // namespace lvsd
