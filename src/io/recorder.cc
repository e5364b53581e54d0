// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/recorder.h"

#include <algorithm>

namespace lvsd {
namespace {

std::string_view refusal(const Verdict& verdict) {
  if (const Drop* const drop = std::get_if<Drop>(&verdict)) return to_string(drop->reason);
  const Accept* const accept = std::get_if<Accept>(&verdict);
  const bool refused = accept != nullptr && accept->reason == AcceptReason::not_schedulable;
  return refused ? to_string(accept->reason) : std::string_view();
}

}  // namespace

void Recorder::add(TimePoint time, const Verdict& verdict, std::span<const std::byte> packet) {
  const std::string_view reason = refusal(verdict);
  if (reason.empty()) return;
  if (ring_.size() < kPackets) ring_.emplace_back();
  RefusedPacket& entry = ring_[next_];
  next_ = (next_ + 1) % kPackets;
  entry.time = time;
  entry.reason = reason;
  entry.length = static_cast<std::uint32_t>(packet.size());
  const auto start = packet.first(std::min(packet.size(), kBytes));
  entry.bytes.assign(start.begin(), start.end());
}

std::vector<RefusedPacket> Recorder::list() const {
  std::vector<RefusedPacket> all = ring_;
  if (all.size() == kPackets) {
    std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(next_), all.end());
  }
  return all;
}

}  // namespace lvsd
