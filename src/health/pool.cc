// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/pool.h"

#include <algorithm>

namespace lvsd {
namespace {

constexpr unsigned kWhole = 1000;

bool is_checking(const HealthPool::Member& member) {
  return member.track && member.track->state() == HealthState::checking;
}

Weight weight_of(const Destination& destination) {
  return destination.drain ? Weight(0) : destination.weight;
}

}  // namespace

bool HealthPool::Member::takes() const {
  return (!track || track->state() == HealthState::up) && !agent.draining() && agent.up;
}

// A check that is added to a destination in service does not take it out until it fails.
Track HealthPool::first_track(const HealthRules& rules, bool serves, TimePoint now) const {
  if (serves) return Track(TrackRecord{HealthState::up, {}, 0, false}, now);
  return {rules, configured_, now};
}

void HealthPool::configure(const ServiceHealth& health, const VirtualService& service,
                           TimePoint now) {
  health_ = health;
  std::map<Endpoint, Member> next;
  for (const Destination& destination : service.destinations) {
    const auto before = members_.find(destination.endpoint);
    Member member = before != members_.end() ? std::move(before->second) : Member{};
    const Health* const wanted = health.of(destination.endpoint);
    if (wanted == nullptr) {
      member.track.reset();
      member.agent = {};
      member.health.reset();
    } else {
      if (!member.track) {
        member.track = first_track(wanted->rules, before != members_.end(), now);
      } else if (member.health->probe != wanted->probe) {
        member.track->begin_anew();
      }
      if (!wanted->agent) member.agent = {};
      member.health = *wanted;
    }
    member.weight = weight_of(destination);
    next.emplace(destination.endpoint, std::move(member));
  }
  members_ = std::move(next);
  configured_ = true;
}

void HealthPool::weigh(const VirtualService& service) {
  for (const Destination& destination : service.destinations) {
    const auto found = members_.find(destination.endpoint);
    if (found != members_.end()) found->second.weight = weight_of(destination);
  }
}

void HealthPool::restore(const Endpoint& endpoint, const TrackRecord& record,
                         const AgentState& agent, TimePoint now) {
  const auto found = members_.find(endpoint);
  if (found == members_.end() || !found->second.track) return;
  found->second.track.emplace(record, now);
  if (found->second.health->agent) found->second.agent = agent;
}

std::optional<Transition> HealthPool::take(const Endpoint& endpoint, bool success, TimePoint now) {
  const auto found = members_.find(endpoint);
  if (found == members_.end() || !found->second.track) return std::nullopt;
  return found->second.track->take(success, found->second.health->rules, now);
}

bool HealthPool::take_agent(const Endpoint& endpoint, const AgentReport& report) {
  const auto found = members_.find(endpoint);
  if (found == members_.end() || !found->second.health || !found->second.health->agent) {
    return false;
  }
  const AgentState before = found->second.agent;
  found->second.agent.take(report);
  return found->second.agent != before;
}

const HealthPool::Member* HealthPool::find(const Endpoint& endpoint) const {
  const auto found = members_.find(endpoint);
  return found != members_.end() ? &found->second : nullptr;
}

// Before every destination has had its first verdict nothing is lost yet.
void HealthPool::judge_quorum() {
  const Quorum wanted = health_.quorum.value_or(Quorum{});
  std::uint64_t weight = 0;
  bool settled = true;
  for (const auto& [endpoint, member] : members_) {
    settled = settled && (!is_checking(member) || member.weight == Weight(0));
    if (member.takes()) weight += member.weight.value();
  }
  if (quorum_) {
    if (settled && weight + wanted.hysteresis < wanted.weight) quorum_ = false;
  } else {
    quorum_ = weight >= std::uint64_t{wanted.weight} + wanted.hysteresis;
  }
}

bool HealthPool::judge_panic() const {
  std::size_t known = 0, taking = 0;
  for (const auto& [endpoint, member] : members_) {
    if (is_checking(member) || member.agent.draining() || member.weight == Weight(0)) continue;
    ++known;
    taking += member.takes() ? 1 : 0;
  }
  return taking * 100 < known * health_.panic;
}

DestinationOutcome HealthPool::outcome_of(const Member& member, bool panic, TimePoint now) const {
  DestinationOutcome out;
  if (panic) {
    out.takes = !is_checking(member) && !member.agent.draining();
    return out;
  }
  out.takes = member.takes();
  if (!member.track) return out;
  const bool down = member.track->state() == HealthState::down || !member.agent.up;
  out.removed = down && member.health->rules.on_failure == OnFailure::remove;
  out.reset = down && member.health->rules.on_failure == OnFailure::reset;
  out.share = (member.track->share(health_.slow_start, now) * member.agent.percent + 50) / 100;
  if (out.takes) out.share = std::max(1U, out.share);  // 3% of a slow start's beginning
  return out;
}

ServiceOutcome HealthPool::settle(TimePoint now) {
  judge_quorum();
  ServiceOutcome out;
  out.quorum = quorum_;
  const bool sorry = !quorum_ && health_.sorry_server;
  out.panic = !sorry && judge_panic();
  for (const auto& [endpoint, member] : members_) {
    DestinationOutcome one = outcome_of(member, out.panic, now);
    if (sorry) one.takes = false;
    if (one != DestinationOutcome{}) out.destinations.emplace(endpoint, one);
  }
  out.sorry_server = health_.sorry_server;
  if (out.sorry_server && !sorry) out.sorry_server->weight = Weight(0);
  return out;
}

bool HealthPool::ramping(TimePoint now) const {
  for (const auto& [endpoint, member] : members_) {
    if (member.track && member.track->share(health_.slow_start, now) < kWhole) return true;
  }
  return false;
}

}  // namespace lvsd
