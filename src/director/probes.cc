// SPDX-License-Identifier: GPL-2.0-or-later
#include "probes.h"

#include <utility>

namespace lvsd {

void Probes::configure(const ServiceKey& key, const std::string& name, const ProbePath& path) {
  auto& marks = marks_.edit();
  auto& paths = paths_.edit();
  if (const auto found = marks.find(key); found != marks.end()) {
    const auto owned = paths.find(found->second);
    if (owned != paths.end() && owned->second.key == key) paths.erase(owned);
    marks.erase(found);
  }
  if (path.mark == 0) return;
  Path next{name, key, {}};
  for (const ProbeTarget& target : path.targets) next.targets.emplace(target.address, target);
  paths[path.mark] = std::move(next);
  marks[key] = path.mark;
  range_ = path.mark >> ProbePath::kServiceBits;
}

const Probes::Path* Probes::find(std::uint32_t mark) const {
  const auto found = paths_->find(mark);
  return found != paths_->end() ? &found->second : nullptr;
}

bool Probes::admit(const Tuple& sent, Flow flow, TimePoint now) {
  age(now);
  if (const Flow* const known = find(sent); known != nullptr) {
    const bool same = known->server == flow.server;
    if (!same && !known->over && now - known->last < kIdle) return false;
    // The acknowledgement of the other side's FIN begins nothing.
    flow.over = flow.over || (same && known->over && !flow.begins);
  }
  flow.last = now;
  young_.edit()[sent] = flow;
  return true;
}

std::optional<Probes::Flow> Probes::find_answered(const Tuple& answer, bool last, TimePoint now) {
  age(now);
  const Tuple sent{answer.destination, answer.source, answer.destination_port, answer.source_port,
                   answer.protocol};
  Flow* const found = find(sent);
  if (found == nullptr) return std::nullopt;
  found->last = now;
  found->over = found->over || last;
  return *found;
}

void Probes::age(TimePoint now) {
  if (now - aged_ < kHalfLife && young_->size() < kMostFlows) return;
  const bool forgotten = now - aged_ >= 2 * kHalfLife;
  if (forgotten) young_ = {};
  old_ = std::exchange(young_, {});
  aged_ = now;
}

Probes::Flow* Probes::find(const Tuple& sent) {
  for (CopyOnWrite<Flows>* const flows : {&young_, &old_}) {
    if ((*flows)->contains(sent)) return &flows->edit().find(sent)->second;
  }
  return nullptr;
}

std::size_t Probes::TupleHash::operator()(const Tuple& tuple) const {
  constexpr std::size_t kFactor = 0x9e3779b97f4a7c15U;
  const std::size_t ports =
      std::size_t{tuple.source_port.host()} << 16U | tuple.destination_port.host();
  const std::size_t ends =
      IpAddressHash{}(tuple.source) ^ (IpAddressHash{}(tuple.destination) * kFactor);
  return (ends ^ (ports << 8U | tuple.protocol)) * kFactor;
}

}  // namespace lvsd
