// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lvsd/config/fields.h"
#include "lvsd/model/ipvs_options.h"

namespace lvsd {

// What could be read; the rest is in the item's report.
IpvsOptions read_ipvs(const Item& item);

}  // namespace lvsd
