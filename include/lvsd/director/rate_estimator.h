// SPDX-License-Identifier: GPL-2.0-or-later
// Rates per second, averaged over about eight seconds (reference section 8.2).
//
// The arithmetic is IPVS's, period by period of two seconds, but nothing has to run while nothing
// is counted: a period without traffic only lets the averages decay, so the periods that were
// missed are made up for when somebody counts again, or looks.
#pragma once

#include "lvsd/model/destination_state.h"
#include "lvsd/model/time.h"

namespace lvsd {

class RateEstimator {
 public:
  // `periods` have ended since the last call; all that was counted since belongs to the first.
  void advance(const Statistics& counted, std::uint64_t periods);
  Statistics shown() const;  // per second
  bool idle() const;         // all averages are zero: only new counts can change that

 private:
  void decay(const Statistics& increase);

  Statistics last_;
  Statistics average_;  // scaled: by 1024, bytes by 32
};

// When the periods of a director end: all its estimators share them.
class RateClock {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(2);

  void begin(TimePoint now);  // the first call counts
  bool is_due(TimePoint now) const { return now >= next_; }
  std::uint64_t periods_until(TimePoint now) const;
  void pass(std::uint64_t periods) { next_ += kPeriod * static_cast<std::int64_t>(periods); }

 private:
  TimePoint next_ = TimePoint::max();
};

}  // namespace lvsd
