// SPDX-License-Identifier: GPL-2.0-or-later
// Tells when packets begin to come faster than workers take them, and when that is over: by the
// kernel's own counts of what it dropped from each queue, looked at once a second. It says so when
// it begins, once a minute while it lasts, and at the end, however long or often it flickers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/io/capture_rules.h"

namespace lvsd {

class OverloadWatch {
 public:
  using Clock = std::chrono::steady_clock;

  explicit OverloadWatch(const CapturePlan& plan);

  struct Notice {
    bool alarm = false;  // it begins or goes on
    std::string text;
  };
  // `table`: the text of /proc/net/netfilter/nfnetlink_queue.
  std::vector<Notice> look(std::string_view table, Clock::time_point now);
  bool overloaded() const;

 private:
  struct Queue {
    unsigned number = 0;
    std::string name;  // "queue 2 (worker 0, new connections)"
    std::uint32_t counted = 0;
    bool known = false, overloaded = false;
    std::uint64_t lost = 0;  // since it began
    Clock::time_point began{}, last_loss{}, last_notice{};
  };
  static void look(Queue& queue, std::uint32_t lost, Clock::time_point now,
                   std::vector<Notice>& notices);

  std::vector<Queue> queues_;
};

// Of this network namespace; empty where it cannot be read.
std::string read_queue_table();

}  // namespace lvsd
