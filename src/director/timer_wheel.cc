// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/timer_wheel.h"

namespace lvsd {

void TimerWheel::begin(TimePoint now) {
  if (started_) return;
  started_ = true;
  origin_ = now;
}

std::uint64_t TimerWheel::tick_at_or_after(TimePoint when) const {
  if (when <= origin_) return 0;
  return static_cast<std::uint64_t>((when - origin_ + kTick - Duration(1)) / kTick);
}

std::uint64_t TimerWheel::tick_at_or_before(TimePoint when) const {
  if (!started_ || when <= origin_) return 0;
  return static_cast<std::uint64_t>((when - origin_) / kTick);
}

std::uint32_t TimerWheel::slot_for(std::uint64_t tick) const {
  const std::uint64_t ahead = tick - current_;
  std::uint32_t level = 0;
  while (level + 1 < kLevels && ahead >= (std::uint64_t{1} << (kBits * (level + 1)))) ++level;
  return static_cast<std::uint32_t>(level * kSlots + ((tick >> (kBits * level)) & kMask));
}

std::optional<TimePoint> TimerWheel::next_deadline() const {
  if (armed_ == 0) return std::nullopt;
  if (spreading_ > 0) return origin_ + kTick * current_;
  for (std::uint64_t tick = current_; tick < current_ + kSlots; ++tick) {
    // A higher level is spread at the start of its slot; nothing behind that is known before.
    if (tick != current_ && (tick & kMask) == 0) return origin_ + kTick * tick;
    if (heads_[tick & kMask] != 0) return origin_ + kTick * tick;
  }
  return origin_ + kTick * (current_ + kSlots);
}

}  // namespace lvsd
