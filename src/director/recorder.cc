// SPDX-License-Identifier: GPL-2.0-or-later
// The recorder, and what it is given.
#include "lvsd/director/recorder.h"

#include <algorithm>

#include "state.h"

namespace lvsd {

void Recorder::add(TimePoint time, std::string_view reason, std::span<const std::byte> packet) {
  RefusedPacket* const entry = ring_.next(limits_.drops);
  if (entry == nullptr) return;
  entry->time = time;
  entry->reason = reason;
  entry->length = static_cast<std::uint32_t>(packet.size());
  const auto start = packet.first(std::min<std::size_t>(packet.size(), limits_.bytes));
  entry->bytes.assign(start.begin(), start.end());
}

void Director::State::record(const Verdict& verdict, std::span<const std::byte> packet,
                             TimePoint now) {
  if (const Drop* const drop = std::get_if<Drop>(&verdict)) {
    return recorder.add(now, to_string(drop->reason), packet);
  }
  const Accept* const accept = std::get_if<Accept>(&verdict);
  if (accept != nullptr && accept->reason == AcceptReason::not_schedulable) {
    recorder.add(now, to_string(accept->reason), packet);
  }
}

void Director::State::record_decision(Service& service, const Tuple& tuple, DestinationId id,
                                      TimePoint now) {
  RecordedDecision* const entry = service.decisions.next(recorder.limits().decisions);
  if (entry == nullptr) return;
  *entry = {now,
            tuple.protocol,
            {tuple.source, tuple.source_port},
            {tuple.destination, tuple.destination_port},
            destinations[id].config.endpoint};
}

std::vector<RefusedPacket> Director::refused() const { return state_->recorder.list(); }

std::vector<ServiceDecisions> Director::decisions(const std::optional<ServiceKey>& only) const {
  std::vector<ServiceDecisions> all;
  for (const auto& [key, service] : state_->services) {
    if (only && *only != key) continue;
    all.push_back({service->name, key, service->decisions.list()});
  }
  std::ranges::sort(all, {}, &ServiceDecisions::key);
  return all;
}

}  // namespace lvsd
