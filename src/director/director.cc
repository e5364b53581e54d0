// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/director.h"

#include <algorithm>
#include <utility>

#include "state.h"

namespace lvsd {
namespace {

// So that a million at once delay no packet for long: one takes up to half a microsecond, a batch
// of packets more than all of these together.
constexpr std::size_t kExpiriesPerCall = 256;

}  // namespace

DirectorParts::DirectorParts(const DirectorSettings& settings,
                             std::shared_ptr<const Network> network)
    : egress(std::move(network), settings.first_fragment_id),
      fragments(settings.seed),
      hairpins(settings.worker, settings.workers),
      has_peers(settings.has_peers),
      next_id(settings.first_id),
      scheduler_seed(settings.seed.k1),
      tunnel_seed{settings.seed.k1, settings.seed.k0} {}

Director::State::State(const DirectorSettings& settings, std::shared_ptr<const Network> network)
    : DirectorParts(settings, std::move(network)),
      connections(settings.connection_limit, settings.seed),
      engine_templates(settings.seed) {}

Director::Director(const DirectorSettings& settings, std::shared_ptr<const Network> network)
    : state_(std::make_unique<State>(settings, std::move(network))) {}
Director::~Director() = default;
Director::Director(Director&&) noexcept = default;
Director& Director::operator=(Director&&) noexcept = default;

void Director::expect(const PacketBuffer& packet) {
  state_->lookahead.expect(state_->connections, packet.bytes(), state_->masquerades);
}

Verdict Director::handle(PacketBuffer& packet, TimePoint now, Emissions& out) {
  state_->last_now = std::max(state_->last_now, now);  // a capture's clock may step back
  if (state_->rate_clock.is_due(state_->last_now)) state_->estimate_rates(state_->last_now);
  const Verdict verdict = state_->handle(packet, state_->last_now, out);
  if (!std::holds_alternative<Forwarded>(verdict)) [[unlikely]] {
    state_->record(verdict, packet.bytes(), state_->last_now);
  }
  return verdict;
}

Verdict Director::handle(PacketBuffer& packet, TimePoint now, Emissions& out, Decision& decision) {
  decision = {};
  state_->decision = &decision;
  state_->note_packet(packet, std::max(state_->last_now, now));
  decision.verdict = handle(packet, now, out);
  state_->decision = nullptr;
  return decision.verdict;
}

std::optional<TimePoint> Director::next_deadline() const {
  if (state_->orphans) return state_->last_now;
  std::optional<TimePoint> first;
  for (const auto& deadline :
       {state_->connections.next_deadline(), state_->egress.next_deadline(),
        state_->fragments.next_deadline(), state_->defence.next_deadline()}) {
    if (deadline && (!first || *deadline < *first)) first = deadline;
  }
  return first;
}

void Director::expire(TimePoint now, Emissions&) {
  State& state = *state_;
  state.last_now = std::max(state.last_now, now);
  state.connections.expire(
      state.last_now, kExpiriesPerCall,
      [&](ConnectionId id, Connection& entry) { state.on_due(id, entry, state.last_now); });
  if (state.orphans) state.sweep_orphans(state.last_now);
  state.defend(state.last_now);
  const auto lost_for = [&state](DropReason reason) {
    return [&state, reason](std::span<const std::byte> packet) {
      state.recorder.add(state.last_now, to_string(reason), packet);
    };
  };
  const Egress::Settled settled =
      state.egress.expire(state.last_now, lost_for(DropReason::neighbor_unresolved));
  state.counters.dropped[static_cast<std::size_t>(DropReason::neighbor_unresolved)] +=
      settled.dropped;
  state.counters.dropped[static_cast<std::size_t>(DropReason::fragment_timeout)] +=
      state.fragments.expire(state.last_now, lost_for(DropReason::fragment_timeout));
  state.forget_removed_services();
}

void Director::apply(const Changes& changes, TimePoint now, Emissions&) {
  state_->last_now = std::max(state_->last_now, now);
  state_->rate_clock.begin(state_->last_now);
  state_->apply(changes, state_->last_now);
}

void Director::set_utc_offset(Duration offset) { state_->utc_offset = offset; }
void Director::set_available_memory(std::uint64_t pages) { state_->defence.set_available(pages); }

void Director::update_network(std::shared_ptr<const Network> network, TimePoint now,
                              Emissions& out) {
  state_->last_now = std::max(state_->last_now, now);
  const Egress::Settled settled = state_->egress.update(std::move(network), state_->last_now, out);
  state_->counters.forwarded += settled.forwarded;
}

std::vector<PathLesson> Director::take_lessons() { return std::exchange(state_->lessons, {}); }

void Director::learn(const PathLesson& lesson, TimePoint now) {
  state_->last_now = std::max(state_->last_now, now);
  state_->learn_path_mtu(lesson.outer, lesson.mtu, state_->last_now);
}

void Director::zero(const std::optional<ServiceKey>& service) { state_->zero(service); }
DirectorSnapshot Director::snapshot() const { return state_->snapshot(state_->last_now); }

DirectorSnapshot Director::totals(TimePoint now) const {
  return state_->totals(std::max(state_->last_now, now));
}

std::vector<ServiceSnapshot> Director::services(std::span<const ServiceKey> keys,
                                                TimePoint now) const {
  return state_->show(keys, std::max(state_->last_now, now));
}

DirectorSnapshot Director::snapshot(TimePoint now) const {
  return state_->snapshot(std::max(state_->last_now, now));
}

ConnectionPage Director::connections(std::uint32_t first, std::uint32_t places,
                                     TimePoint now) const {
  return state_->page(first, places, std::max(state_->last_now, now));
}

const DestinationState* Director::destination(DestinationId id) const {
  return state_->destinations.find(id);
}

const Counters& Director::counters() const { return state_->counters; }

}  // namespace lvsd
