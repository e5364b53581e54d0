// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/worker_count.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

unsigned counted(std::uint16_t queue, std::vector<unsigned> cpus, unsigned workers = 0) {
  StartupConfig config;
  config.workers = workers;
  config.queue = queue;
  config.cpus = std::move(cpus);
  count_workers(config, 0);
  return config.workers;
}

TEST(WorkerCount, IsThatOfTheNamedCpus) {
  EXPECT_EQ(counted(0, {0, 1, 2, 3}), 4U);
  EXPECT_EQ(counted(0, {0, 1, 2, 3}, 2), 2U);
  EXPECT_GE(counted(0, {}), 1U);
}

TEST(WorkerCount, LeavesNoneWithoutQueues) {
  EXPECT_EQ(counted(65530, {0, 1, 2, 3}), 2U);
  EXPECT_EQ(counted(65533, {0, 1, 2, 3}), 1U);
}

}  // namespace
}  // namespace lvsd
