// SPDX-License-Identifier: GPL-2.0-or-later
// Bounded, in order, with every reason; what nobody came for is there, too; a dry run leaves no
// trace.
#include "lvsd/director/recorder.h"

#include <gtest/gtest.h>

#include "support/director_fixture.h"

namespace lvsd {
namespace {

using namespace test;

TEST(Recorder, KeepsTheLastOnesOldestFirst) {
  Ring<int> ring;
  for (int i = 0; i < 10; ++i) *ring.next(4) = i;
  EXPECT_EQ(ring.list(), (std::vector<int>{6, 7, 8, 9}));
  *ring.next(6) = 10;  // raised
  *ring.next(6) = 11;
  EXPECT_EQ(ring.list(), (std::vector<int>{6, 7, 8, 9, 10, 11}));
  *ring.next(6) = 12;
  *ring.next(2) = 13;  // lowered
  EXPECT_EQ(ring.list(), (std::vector<int>{12, 13}));
  EXPECT_EQ(ring.next(0), nullptr);
  EXPECT_TRUE(ring.list().empty());
}

TEST(Recorder, CutsPackets) {
  Recorder recorder;
  recorder.set_limits({.drops = 2, .bytes = 40, .decisions = 0});
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    recorder.add(TimePoint(), to_string(static_cast<DropReason>(i)), pattern(100 + i));
    const auto list = recorder.list();
    EXPECT_EQ(list.size(), i == 0 ? 1U : 2U);
    EXPECT_EQ(list.back().reason, to_string(static_cast<DropReason>(i)));
    EXPECT_EQ(list.back().length, 100 + i);
    EXPECT_EQ(list.back().bytes.size(), 40U);
  }
}

Bytes syn(std::uint16_t client_port, std::uint8_t flags = 0x02) {
  return tcp_packet({.source = "10.1.0.1", .destination = "10.0.3.100"},
                    {.source = client_port, .flags = flags});
}

TEST(Recorder, HasWhatWasRefusedAndWhatBegan) {
  DirectorFixture fixture(
      {tcp_service(80, DirectRouting{}, {{endpoint("10.0.2.11", 80), DirectRouting{}, Weight(1)}}),
       tcp_service(81, DirectRouting{}, {})});
  fixture.handle(syn(4000));
  fixture.handle(syn(4001, 0x10));
  fixture.handle(tcp_packet({.source = "10.1.0.1", .destination = "10.0.3.100"},
                            {.source = 4002, .destination = 81}));
  const auto refused = fixture.director.refused();
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_EQ(refused[0].reason, "not-schedulable");
  EXPECT_EQ(refused[1].reason, "no-destination");
  EXPECT_EQ(refused[1].time, fixture.now);
  const auto began = fixture.director.decisions({});
  ASSERT_EQ(began.size(), 2U);
  ASSERT_EQ(began[0].decisions.size(), 1U);
  EXPECT_EQ(began[0].decisions[0].client, endpoint("10.1.0.1", 4000));
  EXPECT_EQ(began[0].decisions[0].destination, endpoint("10.0.2.11", 80));
  EXPECT_TRUE(began[1].decisions.empty());
  EXPECT_EQ(fixture.director.decisions(began[1].key).size(), 1U);
}

TEST(Recorder, HasWhatNobodyCameFor) {
  DirectorFixture fixture({tcp_service(80, DirectRouting{},
                                       {{endpoint("10.0.2.99", 80), DirectRouting{}, Weight(1)}})});
  fixture.handle(syn(4000));  // waits for a neighbour that is not there
  fixture.handle(ip_packet({.source = "10.1.0.1",
                            .destination = "10.0.3.100",
                            .id = 7,
                            .more_fragments = false,
                            .fragment_offset = 64},
                           6, pattern(16)));
  fixture.pass(std::chrono::minutes(2));
  const auto refused = fixture.director.refused();
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_EQ(refused[0].reason, "neighbor-unresolved");
  EXPECT_EQ(refused[1].reason, "fragment-timeout");
}

TEST(Recorder, IsSetByTheConfiguration) {
  DirectorFixture fixture({tcp_service(81, DirectRouting{}, {})});
  Changes changes;
  changes.recorder = RecorderLimits{.drops = 1, .bytes = 40, .decisions = 0};
  fixture.apply(changes);
  const auto packet = [](std::uint16_t port) {
    return tcp_packet({.source = "10.1.0.1", .destination = "10.0.3.100"},
                      {.source = port, .destination = 81});
  };
  fixture.handle(packet(4000));
  fixture.handle(packet(4001));
  EXPECT_EQ(fixture.director.refused().size(), 1U);
}

}  // namespace
}  // namespace lvsd
