// SPDX-License-Identifier: GPL-2.0-or-later
// director.workers, director.cpus, and what the services ask of how clients are spread over
// workers.
#pragma once

#include <vector>

#include "lvsd/config/fields.h"
#include "lvsd/model/config.h"

namespace lvsd {

void read_workers(const Item& item, StartupConfig& startup);
void read_cpus(const Item& item, StartupConfig& startup);
// Whether the queues of all workers have numbers; reported at `item`.
void check_queues(const Item& item, const StartupConfig& startup);

SteeringPrefix steering_prefix(const std::vector<VirtualService>& services);
// Where several workers are asked for, and a service keeps all clients together.
std::vector<Problem> check_steering(const Config& config);

}  // namespace lvsd
