// SPDX-License-Identifier: GPL-2.0-or-later
// One service's health: its destinations' tracks, and what follows from them together. Configured
// anew it keeps by identity what stays, so that a reload forgets nothing.
//
// Quorum counts the weights, the file's or the operator's, of destinations that take connections.
// With a sorry server, a service that lost its quorum is served by that server alone. Below the
// panic threshold all destinations are used, but for those whose first check is still to come and
// those that drain by their agent's word: if most of the others seem to be down, the checks are the
// likelier culprit. A lost quorum with a sorry server goes before panic. A destination that is
// drained or of weight 0 counts in neither, however well it feels.
#pragma once

#include <map>
#include <optional>

#include "lvsd/health/agent.h"
#include "lvsd/health/track.h"

namespace lvsd {

// What health does to one destination.
struct DestinationOutcome {
  bool takes = true;      // new connections
  bool removed = false;   // taken out of the service
  bool reset = false;     // its connections are to end
  unsigned share = 1000;  // of its weight, in thousandths: slow start and the agent's
  friend bool operator==(const DestinationOutcome&, const DestinationOutcome&) = default;
};

struct ServiceOutcome {
  std::map<Endpoint, DestinationOutcome> destinations;  // where there is something to do
  std::optional<Destination> sorry_server;  // part of the service, with weight 0 unless needed
  bool quorum = true, panic = false;
  friend bool operator==(const ServiceOutcome&, const ServiceOutcome&) = default;
};

// The service as its health makes it: what `outcome` says of weights and destinations. While one
// has a part of its weight only, small weights are all multiplied, so that the largest part is 100
// or more: the shares are the same, and a part of a small weight exists.
void compose(VirtualService& service, const ServiceOutcome& outcome);

class HealthPool {
 public:
  struct Member {
    Weight weight;  // the file's or the operator's; 0 of one that is drained
    std::optional<Health> health;
    std::optional<Track> track;  // of those that are checked
    AgentState agent;
    bool takes() const;
  };

  void configure(const ServiceHealth& health, const VirtualService& service, TimePoint now);
  // The destinations' weights and drains are now as `service` has them.
  void weigh(const VirtualService& service);
  // Of an earlier run, before its first result.
  void restore(const Endpoint& endpoint, const TrackRecord& record, const AgentState& agent,
               TimePoint now);
  void restore_quorum(bool quorum) { quorum_ = quorum; }

  std::optional<Transition> take(const Endpoint& endpoint, bool success, TimePoint now);
  // Whether it changed anything.
  bool take_agent(const Endpoint& endpoint, const AgentReport& report);

  // What follows from all that was taken so far.
  ServiceOutcome settle(TimePoint now);
  bool ramping(TimePoint now) const;

  const std::map<Endpoint, Member>& members() const { return members_; }
  const Member* find(const Endpoint& endpoint) const;
  const ServiceHealth& config() const { return health_; }

 private:
  Track first_track(const HealthRules& rules, bool serves, TimePoint now) const;
  void judge_quorum();
  bool judge_panic() const;
  DestinationOutcome outcome_of(const Member& member, bool panic, TimePoint now) const;

  ServiceHealth health_;
  std::map<Endpoint, Member> members_;
  bool configured_ = false;
  bool quorum_ = true;
};

}  // namespace lvsd
