// SPDX-License-Identifier: GPL-2.0-or-later
// One destination's health, from the results of its checks. Nothing changes without `rise`
// successes or `fall` failures in a row, whatever their mixture, so that a server that answers
// every other time stays what it is. Time is a parameter.
//
// Damping: a server that goes down soon after it came up is not believed as quickly the next time:
// it needs twice as many successes in a row, then four times, up to sixteen times `rise`. Staying
// up for longer than `damping` makes it as good as new.
//
// Back-off: a server that stays down is asked less often, up to `backoff`; one success, and the
// usual interval is back, so that coming up takes no longer than rise intervals.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lvsd/model/health.h"

namespace lvsd {

enum class HealthState : std::uint8_t { checking, up, down };
std::string_view to_string(HealthState state);

struct Transition {
  HealthState from = HealthState::checking, to = HealthState::checking;
  unsigned results = 0;  // in a row, that brought it about
  friend bool operator==(const Transition&, const Transition&) = default;
};

// What outlives a restart.
struct TrackRecord {
  HealthState state = HealthState::checking;
  Duration age{};  // since it became that
  unsigned flaps = 0;
  bool ramps = false;
  friend bool operator==(const TrackRecord&, const TrackRecord&) = default;
};

class Track {
 public:
  // `newcomer`: added to a service that runs already, so that slow start is for it, too.
  Track(const HealthRules& rules, bool newcomer, TimePoint now)
      : state_(rules.initially_up ? HealthState::up : HealthState::checking),
        since_(now),
        ramps_(newcomer) {}
  Track(const TrackRecord& record, TimePoint now)
      : state_(record.state),
        since_(now - record.age),
        flaps_(record.flaps),
        ramps_(record.ramps) {}

  std::optional<Transition> take(bool success, const HealthRules& rules, TimePoint now);
  // The check is another: what the old one said does not count towards the next transition.
  void begin_anew() { successes_ = failures_ = idle_ = 0; }

  HealthState state() const { return state_; }
  TimePoint since() const { return since_; }
  unsigned successes() const { return successes_; }  // in a row, up to now
  unsigned failures() const { return failures_; }
  unsigned rise(const HealthRules& rules) const { return rules.rise << flaps_; }
  // From one check to the next.
  Duration interval(const HealthRules& rules) const;
  // How much of its weight it has for `slow_start` after it came up, in thousandths.
  unsigned share(Duration slow_start, TimePoint now) const;
  TrackRecord record(TimePoint now) const { return {state_, now - since_, flaps_, ramps_}; }

 private:
  std::optional<Transition> become(HealthState next, unsigned results, TimePoint now);

  HealthState state_;
  TimePoint since_;
  unsigned successes_ = 0, failures_ = 0;
  unsigned idle_ = 0;   // failures since it is down, without a success between
  unsigned flaps_ = 0;  // times that it went down too soon
  bool ramps_ = false;
};

}  // namespace lvsd
