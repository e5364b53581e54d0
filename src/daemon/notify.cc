// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/notify.h"

#include <systemd/sd-daemon.h>

#include <chrono>

namespace lvsd {

void notify_ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void notify_reloading() {
  // steady_clock is CLOCK_MONOTONIC here, which is what systemd compares with.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec)).c_str());
}

void notify_stopping() { sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

}  // namespace lvsd
