// SPDX-License-Identifier: GPL-2.0-or-later
// `workers: auto`, counted.
#pragma once

#include <sys/types.h>

#include "lvsd/model/config.h"

namespace lvsd {

// Where the file says auto: one per CPU that `cpus` names, else per CPU that the process may run on
// (0: this one), but no more than have queues; one where that cannot be told.
void count_workers(StartupConfig& config, pid_t process = 0);

}  // namespace lvsd
