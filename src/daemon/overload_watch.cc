// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/overload_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "lvsd/io/queue_message.h"
#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr seconds kQuiet{5};  // without a loss: over
constexpr seconds kReminder{60};

std::string_view describe(QueueRole role) {
  switch (role) {
    case QueueRole::datagrams:
      return "packets";
    case QueueRole::streams:
      return "TCP";
    case QueueRole::openers:
      return "new connections";
  }
  return "";
}

}  // namespace

OverloadWatch::OverloadWatch(const CapturePlan& plan) {
  for (const AssignedQueue& assigned : plan.queues()) {
    Queue queue;
    queue.number = assigned.number;
    queue.name = fmt::format("queue {} (worker {}, {})", queue.number, assigned.worker,
                             describe(assigned.role));
    queues_.push_back(std::move(queue));
  }
}

std::vector<OverloadWatch::Notice> OverloadWatch::look(std::string_view table,
                                                       Clock::time_point now) {
  std::vector<Notice> notices;
  for (Queue& queue : queues_) {
    const auto status = parse_queue_status(table, static_cast<std::uint16_t>(queue.number));
    if (!status) continue;
    // The kernel's counts wrap, and so does their difference.
    const std::uint32_t counted = status->dropped + status->user_dropped;
    const std::uint32_t lost = queue.known ? counted - queue.counted : 0;
    queue.counted = counted;
    queue.known = true;
    look(queue, lost, now, notices);
  }
  return notices;
}

void OverloadWatch::look(Queue& queue, std::uint32_t lost, Clock::time_point now,
                         std::vector<Notice>& notices) {
  if (lost > 0) queue.last_loss = now;
  if (!queue.overloaded) {
    if (lost == 0) return;
    queue.overloaded = true;
    queue.lost = lost;
    queue.began = queue.last_notice = now;
    notices.push_back({true, fmt::format("overload: {} is full; {} packets dropped within a second",
                                         queue.name, lost)});
    return;
  }
  queue.lost += lost;
  const auto lasted = duration_cast<seconds>(now - queue.began).count();
  if (now - queue.last_loss >= kQuiet) {
    queue.overloaded = false;
    notices.push_back({false, fmt::format("overload of {} is over: {} packets dropped in {} s",
                                          queue.name, queue.lost, lasted)});
  } else if (now - queue.last_notice >= kReminder) {
    queue.last_notice = now;
    notices.push_back({true, fmt::format("overload of {} goes on: {} packets dropped in {} s",
                                         queue.name, queue.lost, lasted)});
  }
}

bool OverloadWatch::overloaded() const {
  return std::ranges::any_of(queues_, [](const Queue& queue) { return queue.overloaded; });
}

std::string read_queue_table() {
  return read_text_file("/proc/thread-self/net/netfilter/nfnetlink_queue").value_or("");
}

}  // namespace lvsd
