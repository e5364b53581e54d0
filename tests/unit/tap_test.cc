// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/tap.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

constexpr TimePoint kNow(std::chrono::seconds(100));

// What a tap of everything has of so many packets, each as it came and as it went.
TapReply after(std::size_t packets, std::size_t length) {
  Taps taps;
  taps.take(1, {}, kNow);
  for (std::size_t i = 0; i < packets; ++i) {
    taps.see({}, std::nullopt, [&] {
      DecidedPacket decided;
      decided.packet.resize(length);
      decided.bytes.emplace_back(length);
      return decided;
    });
  }
  return taps.take(1, {}, kNow);
}

TEST(Taps, KeepSoManyPacketsAndCountTheOthers) {
  const TapReply reply = after(Taps::kPackets + 7, 100);
  EXPECT_EQ(reply.packets.size(), Taps::kPackets);
  EXPECT_EQ(reply.missed, 7U);
  EXPECT_EQ(reply.size, Taps::kPackets * 200);
}

// Both ways of a super-packet: as hexadecimal 256 of them would be 67 million characters.
TEST(Taps, KeepSoManyBytesAndCountTheOthers) {
  const TapReply reply = after(Taps::kPackets, 65535);
  EXPECT_EQ(reply.packets.size(), Taps::kBytes / (2 * 65535));
  EXPECT_EQ(reply.packets.size() + reply.missed, Taps::kPackets);
}

TEST(Taps, BeginAnewOnceTheyWereAsked) {
  Taps taps;
  taps.take(1, {}, kNow);
  for (int round = 0; round < 2; ++round) {
    taps.see({}, std::nullopt, [] {
      DecidedPacket decided;
      decided.packet.resize(Taps::kBytes);
      return decided;
    });
    const TapReply reply = taps.take(1, {}, kNow);
    EXPECT_EQ(reply.packets.size(), 1U);
    EXPECT_EQ(reply.missed, 0U);
  }
}

}  // namespace
}  // namespace lvsd
