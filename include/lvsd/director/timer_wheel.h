// SPDX-License-Identifier: GPL-2.0-or-later
// A hierarchical timer wheel whose lists are linked by index through the entries themselves:
// arming, moving and cancelling cost the same however many timers there are. Four levels of 256
// slots with a tick of 1/8 s reach 17 years; a timer beyond is looked at early and armed again. An
// entry comes due in the first tick that starts at or after its time, so up to 1/8 s late, never
// early.
//
// Whatever is done for many timers at once is done within a budget: a higher slot whose time has
// come is spread over the lower ones a part at a time, and until that is done nothing else comes
// due. A million timers in one slot would hold up every packet for 50 ms otherwise.
//
// The owner of the entries passes itself to every call and offers `timer_links(index)`; nothing
// here allocates. begin() names the time that ticks count from, before anything is scheduled.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "lvsd/model/time.h"

namespace lvsd {

// Part of every entry. Links are index + 1; 0 means none.
struct TimerLinks {
  std::uint32_t next = 0, previous = 0;
  std::uint64_t tick = 0;  // when the wheel will look at the entry
  std::uint16_t slot = 0;  // which list it is in, from 1; 0: not armed
};

class TimerWheel {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(125);

  void begin(TimePoint now);  // the first call counts

  template <class Owner>
  void schedule(std::uint32_t index, TimePoint when, Owner& owner) {
    TimerLinks& links = owner.timer_links(index);
    if (links.slot != 0) cancel(index, owner);
    links.tick = std::max(tick_at_or_after(when), current_);
    link(index, links, owner);
  }

  // As schedule(), but leaves an entry alone that the wheel visits early enough anyway.
  template <class Owner>
  void hasten(std::uint32_t index, TimePoint when, Owner& owner) {
    const TimerLinks& links = owner.timer_links(index);
    if (links.slot == 0 || tick_at_or_after(when) < links.tick) schedule(index, when, owner);
  }

  template <class Owner>
  void cancel(std::uint32_t index, Owner& owner) {
    TimerLinks& links = owner.timer_links(index);
    if (links.slot == 0) return;
    if (links.previous != 0) {
      owner.timer_links(links.previous - 1).next = links.next;
    } else {
      heads_[links.slot - 1U] = links.next;
    }
    if (links.next != 0) owner.timer_links(links.next - 1).previous = links.previous;
    links = {};
    --armed_;
  }

  // Takes one entry off the wheel whose tick has been reached; nothing where none is left at `now`.
  template <class Owner>
  std::optional<std::uint32_t> pop_due(TimePoint now, Owner& owner) {
    auto unlimited = std::numeric_limits<std::size_t>::max();
    return pop_due(now, owner, unlimited);
  }

  // The same, but one that had to be moved to a lower level first costs one of `budget`. Nothing,
  // and no budget left: there is more to do.
  template <class Owner>
  std::optional<std::uint32_t> pop_due(TimePoint now, Owner& owner, std::size_t& budget) {
    const std::uint64_t target = tick_at_or_before(now);
    while (armed_ > 0) {
      if (!spread(owner, budget)) return std::nullopt;
      const std::uint32_t head = heads_[current_ & kMask];
      if (head != 0 && current_ <= target) {
        cancel(head - 1, owner);
        return head - 1;
      }
      if (current_ >= target) return std::nullopt;
      advance(target);
    }
    spreading_ = 0;
    if (started_) current_ = std::max(current_, target);
    return std::nullopt;
  }

  std::optional<TimePoint> next_deadline() const;

 private:
  static constexpr std::uint32_t kBits = 8, kSlots = 1U << kBits, kMask = kSlots - 1, kLevels = 4;

  template <class Owner>
  void link(std::uint32_t index, TimerLinks& links, Owner& owner) {
    const std::uint32_t slot = slot_for(links.tick);
    links.slot = static_cast<std::uint16_t>(slot + 1);
    links.previous = 0;
    links.next = heads_[slot];
    if (links.next != 0) owner.timer_links(links.next - 1).previous = index + 1;
    heads_[slot] = index + 1;
    ++armed_;
  }

  std::uint32_t place(std::uint32_t level) const {  // of the current tick
    return static_cast<std::uint32_t>((current_ >> (kBits * level)) & kMask);
  }

  // Moves to the next tick in which something can happen: there is a timer, or slots to spread.
  void advance(std::uint64_t target) {
    do {
      ++current_;
      if (place(0) != 0) continue;
      spreading_ = 1;
      while (spreading_ + 1 < kLevels && place(spreading_) == 0) ++spreading_;
      return;
    } while (current_ < target && heads_[place(0)] == 0);
  }

  // The slots of levels `spreading_` to 1 that begin now. They take nothing new meanwhile: what is
  // far enough ahead for such a level goes to another slot of it. False: out of budget.
  template <class Owner>
  bool spread(Owner& owner, std::size_t& budget) {
    for (; spreading_ > 0; --spreading_) {
      std::uint32_t& head = heads_[spreading_ * kSlots + place(spreading_)];
      while (head != 0) {
        if (budget == 0) return false;
        --budget;
        const std::uint32_t index = head - 1;
        TimerLinks& links = owner.timer_links(index);
        head = links.next;
        if (head != 0) owner.timer_links(head - 1).previous = 0;
        --armed_;
        link(index, links, owner);
      }
    }
    return true;
  }

  std::uint32_t slot_for(std::uint64_t tick) const;
  std::uint64_t tick_at_or_after(TimePoint when) const;
  std::uint64_t tick_at_or_before(TimePoint when) const;

  std::array<std::uint32_t, kSlots * kLevels> heads_{};
  TimePoint origin_{};
  bool started_ = false;
  std::uint32_t spreading_ = 0;  // levels whose slots of the current tick are not spread yet
  std::uint64_t current_ = 0;
  std::uint64_t armed_ = 0;
};

}  // namespace lvsd
