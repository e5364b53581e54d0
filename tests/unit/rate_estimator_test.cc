// SPDX-License-Identifier: GPL-2.0-or-later
// Rates as IPVS estimates them; the expected numbers are reference 8.2's formula, by hand.
#include "lvsd/director/rate_estimator.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

Statistics counted(std::uint64_t n) {
  return {.connections = n, .packets_in = n, .packets_out = 0, .bytes_in = n * 100, .bytes_out = 0};
}

TEST(RateEstimator, ClimbsByAQuarterOfTheRestEachPeriod) {
  RateEstimator estimator;
  const std::uint64_t expected[] = {12, 22, 29};  // of 50: (12800, 22400, 29600 + 511) / 1024
  for (std::uint64_t period = 1; period <= 3; ++period) {
    estimator.advance(counted(100 * period), 1);
    EXPECT_EQ(estimator.shown().connections, expected[period - 1]);
    EXPECT_EQ(estimator.shown().packets_in, expected[period - 1]);
    EXPECT_EQ(estimator.shown().packets_out, 0U);
  }
  for (std::uint64_t period = 4; period <= 40; ++period) {
    estimator.advance(counted(100 * period), 1);
  }
  EXPECT_EQ(estimator.shown().connections, 50U);
  EXPECT_EQ(estimator.shown().bytes_in, 5000U);
}

TEST(RateEstimator, PeriodsWithoutACountAreMadeUpForAtOnce) {
  RateEstimator at_once, one_by_one;
  at_once.advance(counted(1000), 1);
  one_by_one.advance(counted(1000), 1);
  at_once.advance(counted(1500), 6);  // what was counted is of the first of them
  for (int period = 0; period < 6; ++period) one_by_one.advance(counted(1500), 1);
  EXPECT_EQ(at_once.shown(), one_by_one.shown());
  EXPECT_GT(at_once.shown().connections, 0U);
  at_once.advance(counted(1500), 1'000'000'000);
  EXPECT_EQ(at_once.shown(), Statistics{});
}

TEST(RateEstimator, ShowsNothingBeforeItsFirstPeriodEnds) {
  RateEstimator estimator;
  estimator.advance(counted(1000), 0);
  EXPECT_EQ(estimator.shown(), Statistics{});
  estimator.advance(counted(1000), 1);
  EXPECT_EQ(estimator.shown().connections, 125U);
}

}  // namespace
}  // namespace lvsd
