// SPDX-License-Identifier: GPL-2.0-or-later
// What several directors of one configuration counted, added up.
#pragma once

#include "lvsd/director/director.h"

namespace lvsd {

Statistics& operator+=(Statistics& sum, const Statistics& other);
// The same service, as another director has it; its destinations are matched by endpoint.
ServiceSnapshot& operator+=(ServiceSnapshot& sum, const ServiceSnapshot& other);

}  // namespace lvsd
