// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/director.h"

#include <algorithm>

#include "state.h"

namespace lvsd {
namespace {

constexpr std::size_t kExpiriesPerCall =
    1024;  // so that a million at once delay no packet for long

}  // namespace

Director::State::State(const DirectorSettings& settings, std::shared_ptr<const Network> network)
    : connections(settings.connection_limit, settings.seed),
      egress(std::move(network)),
      fragments(settings.seed),
      next_id(settings.first_id),
      scheduler_seed(settings.seed.k1),
      tunnel_seed{settings.seed.k1, settings.seed.k0} {}

Director::Director(const DirectorSettings& settings, std::shared_ptr<const Network> network)
    : state_(std::make_unique<State>(settings, std::move(network))) {}
Director::~Director() = default;
Director::Director(Director&&) noexcept = default;
Director& Director::operator=(Director&&) noexcept = default;

Verdict Director::handle(PacketBuffer& packet, TimePoint now, Emissions& out) {
  state_->last_now = std::max(state_->last_now, now);  // a capture's clock may step back
  return state_->handle(packet, state_->last_now, out);
}

std::optional<TimePoint> Director::next_deadline() const {
  std::optional<TimePoint> first;
  for (const auto& deadline : {state_->connections.next_deadline(), state_->egress.next_deadline(),
                               state_->fragments.next_deadline()}) {
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

void Director::expire(TimePoint now, Emissions&) {
  State& state = *state_;
  state.last_now = std::max(state.last_now, now);
  state.connections.expire(state.last_now, kExpiriesPerCall, [&](ConnectionId, Connection& entry) {
    state.destinations.unbind(entry.destination, entry.has(Connection::kInactive));
  });
  const Egress::Settled settled = state.egress.expire(state.last_now);
  state.counters.dropped[static_cast<std::size_t>(DropReason::neighbor_unresolved)] +=
      settled.dropped;
  state.counters.dropped[static_cast<std::size_t>(DropReason::fragment_timeout)] +=
      state.fragments.expire(state.last_now);
  if (!state.removed.empty()) state.forget_removed_services();
}

void Director::apply(const Changes& changes, TimePoint, Emissions&) { state_->apply(changes); }

void Director::update_network(std::shared_ptr<const Network> network, TimePoint now,
                              Emissions& out) {
  state_->last_now = std::max(state_->last_now, now);
  const Egress::Settled settled = state_->egress.update(std::move(network), state_->last_now, out);
  state_->counters.forwarded += settled.forwarded;
}

DirectorSnapshot Director::snapshot() const { return state_->snapshot(); }

const DestinationState* Director::destination(DestinationId id) const {
  return state_->destinations.find(id);
}

const Counters& Director::counters() const { return state_->counters; }

}  // namespace lvsd
