// SPDX-License-Identifier: GPL-2.0-or-later
// However much work there is, and however long its pieces are, it gets a tenth of the time.
#include "lvsd/daemon/pace.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/random_seed.h"

namespace lvsd {
namespace {

using namespace std::chrono_literals;
using Clock = Pace::Clock;

TEST(Pace, LeavesNineTenthsOfAnyTime) {
  std::mt19937 random(test::random_seed());
  const auto up_to = [&random](Clock::duration most) {
    return Clock::duration(std::uniform_int_distribution<Clock::rep>(0, most.count())(random));
  };
  struct Piece {
    Clock::time_point from, to;
  };
  std::vector<Piece> pieces;
  Pace pace;
  Clock::time_point now{1h};
  for (int i = 0; i < 500; ++i) {
    if (random() % 4 == 0) now += up_to(50ms);  // nobody asks
    const Clock::time_point from = std::max(now, pace.next());
    now = from + up_to(i % 10 == 0 ? Clock::duration(100ms) : Clock::duration(1ms));
    pace.worked(from, now);
    pieces.push_back({from, now});
  }
  for (std::size_t first = 0; first < pieces.size(); ++first) {
    Clock::duration work{};
    for (std::size_t last = first; last < pieces.size(); ++last) {
      // From the beginning of a piece to that of a later one.
      EXPECT_LE(work * (1 + Pace::kRest), pieces[last].from - pieces[first].from);
      work += pieces[last].to - pieces[last].from;
    }
  }
}

TEST(Pace, LetsTheFirstBeginAtOnce) { EXPECT_LE(Pace().next(), Clock::time_point()); }

TEST(Pace, KeepsNobodyWaitingForLong) {
  Pace pace;
  const Clock::time_point from{1h};
  pace.worked(from, from + 5s);
  EXPECT_EQ(pace.next(), from + 5s + Pace::kLongest);
}

}  // namespace
}  // namespace lvsd
