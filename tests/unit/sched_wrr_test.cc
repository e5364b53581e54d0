// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "sched_fixture.h"
#include "support/random_seed.h"

namespace lvsd::test {
namespace {

using Pool = ScheduledPool;
constexpr SchedulerKind kWrr = SchedulerKind::wrr;

// As when the scheduler of a running service becomes wrr.
Pool exchanged(Pool::Weights weights) { return {kWrr, weights, Pool::Start::exchanged_scheduler}; }

TEST(WeightedRoundRobinTest, ReferenceSequences) {  // reference section 4.3
  EXPECT_EQ(exchanged({{'A', 4}, {'B', 3}, {'C', 2}}).picks(18), "AABABCABCAABABCABC");
  EXPECT_EQ(exchanged({{'A', 2}, {'B', 2}, {'C', 1}}).picks(10), "ABABCABABC");
  EXPECT_EQ(exchanged({{'A', 10}, {'B', 5}}).picks(6), "AABAAB");
  EXPECT_EQ(exchanged({{'A', 0}, {'B', 3}, {'C', 1}}).picks(8), "BBBCBBBC");
}

TEST(WeightedRoundRobinTest, NewServiceBeginsWithALowPass) {
  Pool pool(kWrr, {{'A', 4}, {'B', 3}, {'C', 2}});
  EXPECT_EQ(pool.picks(12), "ABCAABABCABC");
}

TEST(WeightedRoundRobinTest, SharesAreExactOverACycle) {
  Pool pool(kWrr, {{'A', 7}, {'B', 4}, {'C', 1}, {'D', 0}});
  const std::string cycle = pool.picks(120);
  EXPECT_EQ(std::ranges::count(cycle, 'A'), 70);
  EXPECT_EQ(std::ranges::count(cycle, 'B'), 40);
  EXPECT_EQ(std::ranges::count(cycle, 'C'), 10);
}

TEST(WeightedRoundRobinTest, HeavyOverloadedOneCostsNoExtraPasses) {
  // One hundred thousand picks would take minutes if each walked 65535 passes.
  Pool pool(kWrr, {{'A', 65535}, {'B', 1}, {'C', 2}});
  pool['A'].overloaded = true;
  EXPECT_EQ(pool.picks(6), "BCCBCC");
  const std::string many = pool.picks(99'999);
  EXPECT_EQ(std::ranges::count(many, 'C'), 66'666);
}

TEST(WeightedRoundRobinTest, ChangeStartsFromTheHead) {
  Pool pool(kWrr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(2), "AB");
  pool.add('D', 1);
  EXPECT_EQ(pool.picks(5), "ABCDA");
}

TEST(WeightedRoundRobinTest, MereReorderingKeepsThePlace) {
  Pool pool(kWrr, {{'A', 1}, {'B', 1}, {'C', 1}});
  EXPECT_EQ(pool.picks(1), "A");
  pool.reorder("CAB");
  EXPECT_EQ(pool.picks(4), "BCAB");
}

// The algorithm as reference section 4.3 words it, one pass at a time.
class PassByPass {
 public:
  explicit PassByPass(const std::vector<DestinationState>& states) : states_(states) { change(); }

  void change() {
    int divisor = 0, largest = 0;
    for (const DestinationState& state : states_) {
      divisor = std::gcd(divisor, int{state.config.weight.value()});
      largest = std::max(largest, int{state.config.weight.value()});
    }
    di_ = std::max(divisor, 1);
    mw_ = largest == 0 ? 0 : largest - (di_ - 1);
    at_ = kHead;
    if (cw_ > mw_ || cw_ == 0) {
      cw_ = mw_;
    } else if (di_ > 1) {
      cw_ = cw_ / di_ * di_ + 1;
    }
  }

  int pick() {
    if (mw_ == 0) return kHead;
    const bool returns = at_ != kHead && cw_ <= di_;  // the call begins inside a lowest pass
    std::set<int> tested_lowest;
    while (tested_lowest.size() < states_.size()) {
      if (++at_ == static_cast<int>(states_.size())) {
        at_ = kHead;
        cw_ = cw_ - di_ <= 0 ? mw_ : cw_ - di_;
        continue;
      }
      const DestinationState& state = states_[static_cast<std::size_t>(at_)];
      if (!state.overloaded && state.config.weight.value() >= cw_) return at_;
      if (cw_ <= di_) tested_lowest.insert(at_);
    }
    if (!returns) {
      at_ = kHead;
      cw_ = mw_;
    }
    return kHead;
  }

  static constexpr int kHead = -1;

 private:
  const std::vector<DestinationState>& states_;
  int di_ = 1, mw_ = 0, cw_ = 0, at_ = kHead;
};

TEST(WeightedRoundRobinTest, SameChoicesAsPassByPass) {
  std::mt19937 random(random_seed());
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = 1 + random() % 5;
    const std::size_t scale = 1 + random() % 3;
    std::vector<DestinationState> states(size);
    std::vector<DestinationId> order;
    for (std::size_t i = 0; i < size; ++i)
      order.push_back(DestinationId{static_cast<std::uint32_t>(i)});
    const auto new_weights = [&] {
      for (DestinationState& state : states) {
        state.config.weight = Weight(static_cast<std::uint16_t>(random() % 7 * scale));
      }
    };
    new_weights();
    PassByPass plain(states);
    WeightedRoundRobin wrr;
    wrr.changed(lvsd::Pool(order, states), order, true);
    for (int step = 0; step < 200; ++step) {
      if (random() % 8 == 0) states[random() % size].overloaded ^= true;
      if (random() % 40 == 0) {
        new_weights();
        plain.change();
        wrr.changed(lvsd::Pool(order, states), order, true);
      }
      const int expected = plain.pick();
      const std::optional<std::size_t> actual = wrr.pick(lvsd::Pool(order, states), {});
      ASSERT_EQ(actual ? static_cast<int>(*actual) : PassByPass::kHead, expected)
          << "round " << round << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace lvsd::test
