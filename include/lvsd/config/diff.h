// SPDX-License-Identifier: GPL-2.0-or-later
// What turns `old` into `next`, matched by identity (model/service.h). diff({}, config) is a start.
#pragma once

#include "lvsd/model/changes.h"

namespace lvsd {

Changes diff(const Config& old, const Config& next);

}  // namespace lvsd
