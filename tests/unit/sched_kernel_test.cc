// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel's IPVS (Linux 6.1) did with the same destinations and the same clients, recorded
// from a running kernel: which of the real servers 1, 2 and 3 each new connection got. They were
// added in that order, and the kernel puts a new one in front, so its list reads 3, 2, 1. Each
// connection was established before the next one came.
#include <gtest/gtest.h>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

// The recording's clients, all different.
std::string pick_for_clients(ScheduledPool& pool, std::size_t first, std::size_t count) {
  std::string out;
  for (std::size_t i = first; i < first + count; ++i) {
    const ScheduleKey key{IpAddress(10, 1, static_cast<std::uint8_t>(2 * i % 5),
                                    static_cast<std::uint8_t>(1 + 37 * i % 250)),
                          Port(1024), IpAddress(10, 0, 3, 100)};
    out += pool.pick_for(key);
    if (out.back() != kNobody) ++pool[out.back()].active;
  }
  return out;
}

struct Recording {
  std::string_view name;
  SchedulerKind kind;
  std::uint16_t weight1, weight2, weight3;
  std::string_view picked;
};

constexpr Recording kRecordings[] = {
    {"rr", SchedulerKind::rr, 1, 1, 1, "321321321321321321321321"},
    {"rr_weights", SchedulerKind::rr, 5, 0, 1, "313131313131313131313131"},
    {"wrr_321", SchedulerKind::wrr, 3, 2, 1, "321121321121321121321121"},
    {"wrr_426", SchedulerKind::wrr, 4, 2, 6, "321331321331321331321331"},
    {"wrr_zero", SchedulerKind::wrr, 0, 2, 1, "322322322322322322322322"},
    {"lc", SchedulerKind::lc, 1, 5, 1, "321321321321321321321321"},
    {"wlc", SchedulerKind::wlc, 3, 2, 1, "321121321121321121321121"},
    {"sh", SchedulerKind::sh, 1, 1, 1,
     "321213121232323132323132313131213133213123212321211321231323"
     "1212121332121232323232313232213131313121"},
    {"sh_weights", SchedulerKind::sh, 3, 2, 1,
     "322111112232311211323131121231113213223111122322112112231311"
     "2222211311222231111132313111223131321222"},
    {"sh_zero", SchedulerKind::sh, 1, 0, 1,
     "3-1-131-1-3-3-313-3-313-313131-13133-131-3-1-3-1-113-1-313-3"},
};

class KernelRecordingTest : public testing::TestWithParam<Recording> {};

TEST_P(KernelRecordingTest, SameChoices) {
  const Recording& r = GetParam();
  ScheduledPool pool(r.kind, {{'3', r.weight3}, {'2', r.weight2}, {'1', r.weight1}});
  EXPECT_EQ(pick_for_clients(pool, 0, r.picked.size()), r.picked);
}

INSTANTIATE_TEST_SUITE_P(All, KernelRecordingTest, testing::ValuesIn(kRecordings),
                         [](const auto& param) { return std::string(param.param.name); });

// Servers 1 and 2 (weights 3 and 2); then 3 is added (weight 1), 1 is removed, 2 gets weight 5, 1
// is added again, the service is edited without any change. Twelve connections after each step.
struct ChangingRecording {
  SchedulerKind kind;
  std::string_view picked[6];
};

constexpr ChangingRecording kChanging[] = {
    {SchedulerKind::rr,
     {"212121212121", "321321321321", "323232323232", "323232323232", "132132132132",
      "132132132132"}},
    {SchedulerKind::wrr,
     {"211212112121", "321121321121", "232232232232", "322222322222", "121322212121",
      "322212121322"}},
    {SchedulerKind::sh,
     {"112211211112", "311211323131", "323232223233", "223222222322", "122322231223",
      "112221213222"}},
};

class KernelChangeTest : public testing::TestWithParam<ChangingRecording> {};

TEST_P(KernelChangeTest, SameChoices) {
  const ChangingRecording& r = GetParam();
  ScheduledPool pool(r.kind, {{'2', 2}, {'1', 3}});
  EXPECT_EQ(pick_for_clients(pool, 0, 12), r.picked[0]);
  pool.add('3', 1, true);
  EXPECT_EQ(pick_for_clients(pool, 12, 12), r.picked[1]);
  pool.remove('1');
  EXPECT_EQ(pick_for_clients(pool, 24, 12), r.picked[2]);
  pool.set_weight('2', 5);
  EXPECT_EQ(pick_for_clients(pool, 36, 12), r.picked[3]);
  pool.add('1', 3, true);
  EXPECT_EQ(pick_for_clients(pool, 48, 12), r.picked[4]);
  EXPECT_EQ(pick_for_clients(pool, 60, 12), r.picked[5]);
}

INSTANTIATE_TEST_SUITE_P(All, KernelChangeTest, testing::ValuesIn(kChanging),
                         [](const auto& param) {
                           return std::string(to_string(param.param.kind));
                         });

TEST(KernelExchangeTest, WrrTakesOverARunningService) {  // rr before, weights 3:2:1
  ScheduledPool pool(SchedulerKind::wrr, {{'3', 1}, {'2', 2}, {'1', 3}},
                     ScheduledPool::Start::exchanged_scheduler);
  EXPECT_EQ(pick_for_clients(pool, 6, 6), "121321");
}

}  // namespace
}  // namespace lvsd::test
