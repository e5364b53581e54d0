// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/track.h"

namespace lvsd {
namespace {

constexpr unsigned kMostFlaps = 4;                    // 16 times rise
constexpr unsigned kMostDoublings = 16;               // of an interval
constexpr unsigned kCounted = 1U << 30U;              // where a count of results in a row stops
constexpr Duration kQuick = std::chrono::seconds(1);  // between checks before the first verdict
constexpr unsigned kWhole = 1000, kLeast = 10;        // thousandths

void count(unsigned& counter) { counter = std::min(counter + 1, kCounted); }

}  // namespace

std::string_view to_string(HealthState state) {
  using enum HealthState;
  switch (state) {
    case checking:
      return "checking";
    case up:
      return "up";
    case down:
      return "down";
  }
  return "";
}

std::optional<Transition> Track::take(bool success, const HealthRules& rules, TimePoint now) {
  if (success) {
    count(successes_);
    failures_ = idle_ = 0;
    if (state_ == HealthState::up || successes_ < rise(rules)) return std::nullopt;
    return become(HealthState::up, successes_, now);
  }
  count(failures_);
  successes_ = 0;
  if (state_ == HealthState::down) count(idle_);
  if (state_ == HealthState::down || failures_ < rules.fall) return std::nullopt;
  if (state_ == HealthState::up) {
    flaps_ = now - since_ < rules.damping ? std::min(flaps_ + 1, kMostFlaps) : 0;
  }
  return become(HealthState::down, failures_, now);
}

std::optional<Transition> Track::become(HealthState next, unsigned results, TimePoint now) {
  const Transition made{state_, next, results};
  // Slow start is for those that return.
  if (next == HealthState::down) ramps_ = true;
  state_ = next;
  since_ = now;
  idle_ = 0;
  return made;
}

Duration Track::interval(const HealthRules& rules) const {
  if (state_ == HealthState::checking) return std::min(rules.interval, kQuick);
  if (state_ != HealthState::down || idle_ == 0 || rules.backoff <= rules.interval) {
    return rules.interval;
  }
  Duration interval = rules.interval;
  for (unsigned i = 0; i < std::min(idle_, kMostDoublings) && interval < rules.backoff; ++i) {
    interval *= 2;
  }
  return std::min(interval, rules.backoff);
}

unsigned Track::share(Duration slow_start, TimePoint now) const {
  if (!ramps_ || state_ != HealthState::up || slow_start <= Duration::zero()) return kWhole;
  const Duration up = now - since_;
  if (up >= slow_start) return kWhole;
  const auto unit = std::max<Duration::rep>(slow_start.count() / kWhole, 1);
  const auto share = static_cast<unsigned>((up.count() + unit / 2) / unit);
  return std::clamp(share, kLeast, kWhole);
}

}  // namespace lvsd
