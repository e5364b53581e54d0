// SPDX-License-Identifier: GPL-2.0-or-later
// What the service manager is told (sd_notify(3)); nothing happens where there is none.
#pragma once

#include <string>

namespace lvsd {

void notify_ready(const std::string& status);  // READY=1, at start and after a reload
void notify_reloading();                       // RELOADING=1 and the monotonic time
void notify_stopping();

}  // namespace lvsd
