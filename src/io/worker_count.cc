// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/worker_count.h"

#include <sched.h>

#include <algorithm>

namespace lvsd {

void count_workers(StartupConfig& config, pid_t process) {
  if (config.workers != 0) return;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = ::sched_getaffinity(process, sizeof allowed, &allowed) == 0;
  const unsigned counted = known ? static_cast<unsigned>(CPU_COUNT(&allowed)) : 1;
  config.workers = config.cpus.empty() ? counted : static_cast<unsigned>(config.cpus.size());
  const unsigned most = (kQueueNumbers - config.queue) / kQueuesPerWorker;
  config.workers = std::clamp(config.workers, 1U, std::clamp(most, 1U, kMostWorkers));
}

}  // namespace lvsd
