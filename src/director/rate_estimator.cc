// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/rate_estimator.h"

namespace lvsd {
namespace {

// An arithmetic shift rounds down, so that an average without traffic does reach zero.
void approach(std::uint64_t& average, std::uint64_t rate) {
  const auto distance = static_cast<std::int64_t>(rate - average);
  average += static_cast<std::uint64_t>(distance >> 2);
}

}  // namespace

void RateEstimator::advance(const Statistics& counted, std::uint64_t periods) {
  if (periods == 0) return;
  decay({.connections = counted.connections - last_.connections,
         .packets_in = counted.packets_in - last_.packets_in,
         .packets_out = counted.packets_out - last_.packets_out,
         .bytes_in = counted.bytes_in - last_.bytes_in,
         .bytes_out = counted.bytes_out - last_.bytes_out});
  last_ = counted;
  while (--periods > 0 && !idle()) decay({});
}

// Half of the scale, since a period is two seconds.
void RateEstimator::decay(const Statistics& increase) {
  approach(average_.connections, increase.connections << 9U);
  approach(average_.packets_in, increase.packets_in << 9U);
  approach(average_.packets_out, increase.packets_out << 9U);
  approach(average_.bytes_in, increase.bytes_in << 4U);
  approach(average_.bytes_out, increase.bytes_out << 4U);
}

bool RateEstimator::idle() const {
  return (average_.connections | average_.packets_in | average_.packets_out | average_.bytes_in |
          average_.bytes_out) == 0;
}

Statistics RateEstimator::shown() const {
  const auto packets = [](std::uint64_t average) { return (average + 511) >> 10U; };
  const auto bytes = [](std::uint64_t average) { return (average + 15) >> 5U; };
  return {.connections = packets(average_.connections),
          .packets_in = packets(average_.packets_in),
          .packets_out = packets(average_.packets_out),
          .bytes_in = bytes(average_.bytes_in),
          .bytes_out = bytes(average_.bytes_out)};
}

void RateClock::begin(TimePoint now) {
  if (next_ == TimePoint::max()) next_ = now + kPeriod;
}

std::uint64_t RateClock::periods_until(TimePoint now) const {
  return is_due(now) ? static_cast<std::uint64_t>((now - next_) / kPeriod) + 1 : 0;
}

}  // namespace lvsd
