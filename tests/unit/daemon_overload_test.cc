// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/overload_watch.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

using std::chrono::seconds;

// A line as the kernel prints it: number, owner, waiting, mode, range, dropped, undelivered, id.
std::string line(unsigned queue, unsigned dropped, unsigned undelivered = 0) {
  return std::to_string(queue) + " 4711 0 2 65531 " + std::to_string(dropped) + " " +
         std::to_string(undelivered) + " 9 1\n";
}

class Watched : public testing::Test {
 protected:
  Watched() : watch_(plan()) {}
  static CapturePlan plan() {
    CapturePlan plan;
    plan.openers = true;
    plan.steering.workers = 2;
    return plan;
  }
  std::string look(const std::string& table, int second) {
    std::string all;
    for (const auto& notice : watch_.look(table, start_ + seconds(second))) {
      all += (notice.alarm ? "!" : "") + notice.text + '\n';
    }
    return all;
  }
  OverloadWatch watch_;
  OverloadWatch::Clock::time_point start_{};
};

TEST(CapturePlan, NamesItsQueuesInOrder) {
  CapturePlan plan;
  plan.queue = 7;
  plan.openers = true;
  plan.steering.workers = 2;
  std::vector<unsigned> numbers;
  for (const AssignedQueue& queue : plan.queues()) numbers.push_back(queue.number);
  EXPECT_EQ(numbers, (std::vector<unsigned>{7, 8, 9, 10}));
  EXPECT_EQ(plan.queues().back().role, QueueRole::openers);
  EXPECT_EQ(plan.queues().back().worker, 1U);
  plan.super_packets = true;
  EXPECT_EQ(plan.queues().size(), 6U);
}

TEST_F(Watched, SaysWhenItBeginsAndEnds) {
  EXPECT_EQ(look(line(0, 70) + line(2, 5), 0), "");  // what an earlier look did not see
  EXPECT_FALSE(watch_.overloaded());
  EXPECT_EQ(look(line(0, 70) + line(2, 8), 1),
            "!overload: queue 2 (worker 0, new connections) is full; 3 packets dropped within a "
            "second\n");
  EXPECT_TRUE(watch_.overloaded());
  EXPECT_EQ(look(line(0, 70) + line(2, 10), 2), "");
  EXPECT_EQ(look(line(0, 70) + line(2, 10), 6), "");  // it may only flicker
  EXPECT_EQ(look(line(0, 70) + line(2, 10), 7),
            "overload of queue 2 (worker 0, new connections) is over: 5 packets dropped in 6 s\n");
  EXPECT_FALSE(watch_.overloaded());
}

TEST_F(Watched, RemindsOnceAMinute) {
  look(line(1, 0), 0);
  int notices = 0;
  for (int second = 1; second <= 150; ++second) {
    if (!look(line(1, 0, static_cast<unsigned>(second)), second).empty()) ++notices;
  }
  EXPECT_EQ(notices, 3);
}

TEST_F(Watched, CountsWrap) {
  look(line(3, 4294967290U), 0);
  EXPECT_EQ(look(line(3, 4), 1),
            "!overload: queue 3 (worker 1, new connections) is full; 10 packets dropped within a "
            "second\n");
}

}  // namespace
}  // namespace lvsd
