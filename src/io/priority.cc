// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/priority.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace lvsd {
namespace {

constexpr std::uint64_t kShortestSlice = 100'000;  // ns; the kernel's own lower limit

// sched_setattr(2). The header that has it differs from one libc to the next.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;  // of an ordinary thread: its slice
  std::uint64_t deadline;
  std::uint64_t period;
};

}  // namespace

void go_first() {
  SchedulingAttributes attributes{};
  const auto size = static_cast<unsigned>(sizeof(attributes));
  if (::syscall(SYS_sched_getattr, 0, &attributes, size, 0U) != 0) return;
  // What somebody gave it on purpose, SCHED_FIFO for instance, stays.
  if (attributes.policy != SCHED_OTHER) return;
  attributes.runtime = kShortestSlice;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0U);
}

}  // namespace lvsd
