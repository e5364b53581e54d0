// SPDX-License-Identifier: GPL-2.0-or-later
// Every state, flag and direction against the reference's tables (section 3.3), normal and secure,
// which are written here as the reference prints them: a column of two-letter codes per event.
#include "lvsd/director/tcp_state.h"

#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

const std::array<std::string, kTcpStates> kCodes{"NO", "ES", "SS", "SR", "FW", "TW",
                                                 "CL", "CW", "LA", "LI", "SA"};

struct Expectation {
  TableDirection direction;
  bool secure;
  const char* rows;  // per state, in its order: SYN FIN ACK RST
};

const std::array<Expectation, 6> kExpected{{
    {TableDirection::input, false,
     "SR CL ES CL  ES CW ES CL  ES SS SS CL  SR TW ES SR  SR TW FW CL  SR TW TW CL "
     "SR CL CL CL  SR CW CW CL  SR LA CL LA  SR LI LI LI  SR TW ES SR"},
    {TableDirection::output, false,
     "SS TW ES CL  ES FW ES CL  SS SS SS SS  SR TW ES CL  SS FW FW CL  SS TW TW TW "
     "SS CL CL CL  SS TW CW CL  SS LA LA CL  LI LI ES CL  SR TW ES CL"},
    {TableDirection::input_only, false,
     "SR CL ES CL  ES FW ES CL  ES SS SS CL  SR TW ES SR  SR FW FW CL  SR TW TW CL "
     "SR CL CL CL  SR CW CW CL  SR LA CL LA  SR LI LI LI  SR TW ES CL"},
    {TableDirection::input, true,
     "SR CL ES CL  ES CW ES CL  ES SS SS CL  SR TW SR SR  SR TW FW CL  SR TW TW CL "
     "SR CL CL CL  SR CW CW CL  SR LA CL LA  SR LI LI LI  SA SA SA CL"},
    {TableDirection::output, true,
     "SS TW ES CL  ES FW ES CL  SS SS SS SS  SA TW ES CL  SS FW FW CL  SS TW TW TW "
     "SS CL CL CL  SS TW CW CL  SS LA LA CL  LI LI ES CL  SA TW ES CL"},
    {TableDirection::input_only, true,
     "SA CL ES CL  ES FW ES CL  ES SS SS CL  SR TW ES SR  SA FW FW CL  SA TW TW CL "
     "SA CL CL CL  SA CW CW CL  SA LA CL LA  SA LI LI LI  SA TW ES CL"},
}};

TEST(TcpState, EveryTransitionIsTheReferences) {
  using H = TcpHeader;
  for (const Expectation& expected : kExpected) {
    std::istringstream words(expected.rows);
    for (std::size_t state = 0; state < kTcpStates; ++state) {
      for (const std::uint8_t flag : {H::kSyn, H::kFin, H::kAck, H::kRst}) {
        std::string code;
        ASSERT_TRUE(words >> code);
        const TcpState next =
            next_state(static_cast<TcpState>(state), expected.direction, flag, expected.secure);
        EXPECT_EQ(kCodes[static_cast<std::size_t>(next)], code)
            << kCodes[state] << " flag " << int{flag} << " secure " << expected.secure;
      }
    }
    std::string rest;
    EXPECT_FALSE(words >> rest);
  }
}

TEST(TcpState, TheFirstOfRstSynFinAckDecides) {
  using H = TcpHeader;
  for (unsigned flags = 0; flags < 64; ++flags) {
    const auto all = static_cast<std::uint8_t>(flags);
    std::uint8_t first = 0;
    for (const std::uint8_t flag : {H::kRst, H::kSyn, H::kFin, H::kAck}) {
      if (first == 0 && (all & flag) != 0) first = flag;
    }
    for (std::size_t state = 0; state < kTcpStates; ++state) {
      const auto current = static_cast<TcpState>(state);
      EXPECT_EQ(next_state(current, TableDirection::input, all),
                first == 0 ? TcpState::close : next_state(current, TableDirection::input, first));
    }
  }
}

TEST(TcpState, TimeoutsAndActivity) {
  Timeouts timeouts;
  timeouts.tcp = std::chrono::seconds(77);
  timeouts.tcp_fin = std::chrono::seconds(7);
  const std::array<int, kTcpStates> seconds{2, 77, 120, 60, 7, 120, 10, 60, 30, 120, 120};
  const std::string active = "ES SS SR SA";
  for (std::size_t state = 0; state < kTcpStates; ++state) {
    const auto current = static_cast<TcpState>(state);
    EXPECT_EQ(timeout_of(current, timeouts), std::chrono::seconds(seconds[state]));
    EXPECT_EQ(counts_as_active(current), active.find(kCodes[state]) != std::string::npos);
  }
}

}  // namespace
}  // namespace lvsd
