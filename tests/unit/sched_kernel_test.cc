// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel's IPVS (Linux 6.1) did with the same destinations and the same clients, recorded
// from a running kernel: which of the real servers 1, 2 and 3 each new connection got. They were
// added in that order, and the kernel puts a new one in front, so its list reads 3, 2, 1. Each
// connection was established before the next one came.
#include <gtest/gtest.h>

#include <cstdio>
#include <tuple>

#include "sched_fixture.h"

namespace lvsd::test {
namespace {

// The recording's clients, all different.
std::string pick_for_clients(ScheduledPool& pool, std::size_t first, std::size_t count) {
  std::string out;
  for (std::size_t i = first; i < first + count; ++i) {
    const ScheduleKey key{IpAddress(10, 1, static_cast<std::uint8_t>(2 * i % 5),
                                    static_cast<std::uint8_t>(1 + 37 * i % 250)),
                          Port(static_cast<std::uint16_t>(1024 + 7919 * i % 60000)),
                          IpAddress(10, 0, 3, 100)};
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
  SchedulerFlags flags = {};
};

constexpr SchedulerFlags kFallback{.fallback = true};
constexpr SchedulerFlags kPort{.port = true};
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
    {"sed", SchedulerKind::sed, 3, 2, 1, "121321121321121321121321"},
    {"nq", SchedulerKind::nq, 3, 2, 1, "321121121321121321121321"},
    {"fo", SchedulerKind::fo, 1, 5, 3, "22222222"},
    {"ovf", SchedulerKind::ovf, 3, 5, 2, "2222221111333-"},
    {"sh_fallback", SchedulerKind::sh, 1, 0, 1,
     "311113111131313131313131313131113133113113111311111311131313", kFallback},
    {"sh_port", SchedulerKind::sh, 3, 2, 1,
     "111221113211122122111221223311311121112311231112112123113111"
     "2112113123111231221121211323113112211122",
     kPort},
    {"mh", SchedulerKind::mh, 3, 2, 1,
     "211221211112121133112132122321212311213321312212131211232313"
     "321213321112121312121221212122212213132112211312223231121111"
     "331223121221123223221221232113131111211221131211211321221113"
     "12121211121131322122"},
    {"mh_equal", SchedulerKind::mh, 1, 1, 1,
     "213221211212122133312132322321313313213321313212331211232313"
     "3232133213121213121212212321222322331331"},
    {"mh_bigweights", SchedulerKind::mh, 100, 50, 77,
     "313221211112121133312132322321313313113321313212131211232313"
     "3212133213121213121211112321222322331331"},
    {"mh_zero", SchedulerKind::mh, 1, 0, 1,
     "313331111111131133313133333331313313313331313311331311331313"},
    {"mh_fallback", SchedulerKind::mh, 1, 0, 1,
     "313331111111131133313133333331313313313331313311331311331313", kFallback},
    {"mh_port", SchedulerKind::mh, 3, 2, 1,
     "112112233232121111212111122311312111113311111223113122111111"
     "213232221311212121221232122113111113132212222123232131131122"
     "121131121321121111111231312123212212312112311233212131221221"
     "21121313312221211221",
     kPort},
};

class KernelRecordingTest : public testing::TestWithParam<Recording> {};

TEST_P(KernelRecordingTest, SameChoices) {
  const Recording& r = GetParam();
  ScheduledPool pool(r.kind, {{'3', r.weight3}, {'2', r.weight2}, {'1', r.weight1}},
                     ScheduledPool::Start::new_service, {.flags = r.flags});
  EXPECT_EQ(pick_for_clients(pool, 0, r.picked.size()), r.picked);
}

INSTANTIATE_TEST_SUITE_P(All, KernelRecordingTest, testing::ValuesIn(kRecordings),
                         [](const auto& param) { return std::string(param.param.name); });

// A service that catches forty addresses: two clients ask for each.
std::string pick_for_targets(ScheduledPool& pool) {
  std::string out;
  for (std::uint16_t i = 0; i < 80; ++i) {
    const auto target = static_cast<std::uint8_t>(i / 2);
    const ScheduleKey key{IpAddress(10, 1, 0, static_cast<std::uint8_t>(1 + i % 2)),
                          Port(static_cast<std::uint16_t>(5001 + i)),
                          target < 30
                              ? IpAddress(172, 20, 0, static_cast<std::uint8_t>(target + 1))
                              : IpAddress(10, 0, 3, static_cast<std::uint8_t>(target + 70))};
    out += pool.pick_for(key);
    if (out.back() != kNobody) ++pool[out.back()].active;
  }
  return out;
}

struct TargetRecording {
  SchedulerKind kind;
  std::string_view picked;
};

constexpr TargetRecording kTargets[] = {
    {SchedulerKind::dh,
     "33111122112233331133113322331133221122333311221122223311331133113311222233113322"},
    {SchedulerKind::lblc,
     "33221111221133221111221133221111221133221111221133221111221133221111221133221111"},
    {SchedulerKind::lblcr,
     "33221111221133221111221133221111221133221111221133221111221133221111221133221111"},
};

class KernelTargetTest : public testing::TestWithParam<TargetRecording> {};

TEST_P(KernelTargetTest, SameChoices) {
  ScheduledPool pool(GetParam().kind, {{'3', 1}, {'2', 2}, {'1', 3}});
  EXPECT_EQ(pick_for_targets(pool), GetParam().picked);
}

INSTANTIATE_TEST_SUITE_P(All, KernelTargetTest, testing::ValuesIn(kTargets), [](const auto& param) {
  return std::string(to_string(param.param.kind));
});

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
    {SchedulerKind::wlc,
     {"211212112121", "333121321121", "322322322322", "222222222222", "111112121221",
      "221212212212"}},
    {SchedulerKind::mh,
     {"211221211112", "121133112132", "322323222332", "223322322222", "132211222313",
      "222212321212"}},
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
  const std::uint32_t active = pool['1'].active;
  pool.remove('1');
  EXPECT_EQ(pick_for_clients(pool, 24, 12), r.picked[2]);
  pool.set_weight('2', 5);
  EXPECT_EQ(pick_for_clients(pool, 36, 12), r.picked[3]);
  pool.add('1', 3, true);
  pool['1'].active = active;  // it comes back to its connections
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

// As the destinations of the recording are: the hashing schedulers look at their endpoints.
void move_to(ScheduledPool& pool, char name, const Endpoint& endpoint) {
  pool[name].config.endpoint = endpoint;
  pool.set_weight(name, pool[name].config.weight.value());
}

TEST(KernelZeroedTest, MhKeepsItsTableWhereAWeightBecomesZero) {
  ScheduledPool pool(SchedulerKind::mh, {{'3', 1}, {'2', 2}, {'1', 3}});
  EXPECT_EQ(pick_for_clients(pool, 0, 40), "2112212111121211331121321223212123112133");
  pool.set_weight('2', 0);
  EXPECT_EQ(pick_for_clients(pool, 0, 40), "-11--1-1111-1-113311-13-1--3-1-1-311-133");
}

TEST(KernelZeroedTest, MhFallsBackToOthers) {
  ScheduledPool pool(SchedulerKind::mh, {{'3', 1}, {'2', 2}, {'1', 3}},
                     ScheduledPool::Start::new_service, {.flags = kFallback});
  for (const char name : {'1', '2', '3'}) {
    move_to(pool, name, {pool[name].config.endpoint.address, Port(81)});
  }
  EXPECT_EQ(pick_for_clients(pool, 0, 40), "1221121321311131222313212132121332211122");
  pool.set_weight('2', 0);
  EXPECT_EQ(pick_for_clients(pool, 0, 40), "1111111311311131113313111131111331311131");
}

// Five destinations on three servers, as ADDRESS:PORT pairs of the recording, weights 1 2 3 1 2.
TEST(KernelPortsTest, HashingSchedulersTellPortsApart) {
  for (const auto& [kind, picked] :
       {std::pair(SchedulerKind::mh,
                  "EEEECDDCACBCAECCDBEDBBECCACBCBEEAECDCCCBBBBACBACEEDC"
                  "ADBCABCC"),
        std::pair(SchedulerKind::sh,
                  "CBDCABDEABBEEBBCECBEEACEEACDEABDBACBECCDEECDEECAECAC"
                  "BCCCDBCC")}) {
    ScheduledPool pool(kind, {{'E', 2}, {'D', 1}, {'C', 3}, {'B', 2}, {'A', 1}});
    move_to(pool, 'A', {IpAddress(10, 0, 2, 11), Port(8080)});
    move_to(pool, 'B', {IpAddress(10, 0, 2, 11), Port(8081)});
    move_to(pool, 'C', {IpAddress(10, 0, 2, 12), Port(8080)});
    move_to(pool, 'D', {IpAddress(10, 0, 2, 12), Port(8081)});
    move_to(pool, 'E', {IpAddress(10, 0, 2, 13), Port(8080)});
    EXPECT_EQ(pick_for_clients(pool, 0, 60), picked);
  }
}

TEST(KernelIpv6Test, HashingSchedulersFoldAddresses) {
  for (const auto& [kind, port, picked] :
       {std::tuple(SchedulerKind::mh, 80,
                   "113133111131111231213122132212113133221332112131221111112123"),
        std::tuple(SchedulerKind::sh, 81,
                   "123332111311112112121212112121231333211121113222221122111121")}) {
    ScheduledPool pool(kind, {{'3', 1}, {'2', 2}, {'1', 3}});
    for (const char name : {'1', '2', '3'}) {
      move_to(pool, name,
              {*IpAddress::parse(std::string("fd00:2::1") + name),
               Port(static_cast<std::uint16_t>(port))});
    }
    std::string out;
    for (std::uint32_t i = 0; i < 60; ++i) {
      char client[32];
      std::snprintf(client, sizeof client, "fd00:c::%x:%x", i * 7919 % 65536, 1 + i);
      out += pool.pick_for(ScheduleKey{*IpAddress::parse(client),
                                       Port(static_cast<std::uint16_t>(1024 + i)),
                                       *IpAddress::parse("fd00:3::100")});
    }
    EXPECT_EQ(out, picked);
  }
}

}  // namespace
}  // namespace lvsd::test
