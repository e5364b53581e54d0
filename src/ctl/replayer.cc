// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/replayer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lvsd/config/diff.h"
#include "lvsd/config/load.h"
#include "lvsd/ctl/add_snapshot.h"
#include "lvsd/forward/rewrite.h"
#include "lvsd/forward/segment.h"
#include "lvsd/model/overloaded.h"
#include "lvsd/net/headers.h"

namespace lvsd::ctl {
namespace {

// Any fixed value does; changing it changes which IP ids the director's own packets carry.
constexpr HashSeed kSeed{0x6c76736472657031U, 0x6c6179736565645fU};

unsigned workers_of(const Config& config) { return std::max(config.startup.workers, 1U); }

DirectorSettings settings_of(const Config& config, unsigned worker) {
  // Far apart, so that packets of two directors are no fragments of one another.
  constexpr unsigned kBetween = 0x1357, kBetweenFragments = 0x13579bdf;
  return {.connection_limit = config.startup.connection_limit,
          .seed = kSeed,
          .first_id = static_cast<std::uint16_t>(kSeed.k0 + worker * kBetween),
          .first_fragment_id = 1 + worker * kBetweenFragments,
          .has_peers = workers_of(config) > 1,
          .worker = worker,
          .workers = workers_of(config)};
}

SteeringHash hash_of(const Config& config) {
  return {.workers = workers_of(config),
          .seed = static_cast<std::uint32_t>(kSeed.k1),
          .prefix = config.startup.steering};
}

bool knows(const VirtualService& service, const Endpoint& endpoint) {
  return std::ranges::any_of(service.destinations,
                             [&](const Destination& d) { return d.endpoint == endpoint; });
}

// `next`, and what of `before` is not in it.
Config with_former(Config next, const Config& before) {
  for (const VirtualService& old : before.services) {
    const auto kept = std::ranges::find(next.services, old.key, &VirtualService::key);
    if (kept == next.services.end()) {
      next.services.push_back(old);
      continue;
    }
    for (const Destination& destination : old.destinations) {
      if (!knows(*kept, destination.endpoint)) kept->destinations.push_back(destination);
    }
  }
  return next;
}

Be16 ethertype_of(std::span<const std::byte> packet) {
  const bool v6 = !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6;
  return Be16(v6 ? ethertype::kIpv6 : ethertype::kIpv4);
}

// How much of an emission is known when it was made from a packet that lacks its last bytes.
// Headers that were put in front are; of a piece that starts later in the packet, only its header.
std::size_t known_bytes(std::span<const std::byte> emission, const Arrival& cut) {
  const std::size_t added = emission.size() > cut.length ? emission.size() - cut.length : 0;
  std::size_t known = std::min(emission.size(), cut.packet.size() + added);
  if (const auto ip = load<Ipv4Header>(emission); ip && ip->fragment_offset() != 0) {
    known = std::min(known, ip->header_length());
  }
  return known;
}

// A capture taken where the kernel had joined segments already (GRO, or before a card cut them)
// shows them as live, where the kernel says so: larger than the link takes.
bool is_super_packet(const Arrival& arrival, std::span<const std::byte> packet,
                     const Network& network) {
  const Interface* const link = network.interface(arrival.interface);
  if (link == nullptr || packet.size() <= link->mtu) return false;
  const auto view = parse_packet(packet);
  return view && view->is(IpProtocol::tcp);
}

}  // namespace

Replayer::Replayer(const Config& config, std::shared_ptr<const Network> network, bool records,
                   Observer observer)
    : config_(config),
      network_(std::move(network)),
      records_(records),
      observer_(std::move(observer)),
      steering_(hash_of(config), config) {
  for (unsigned worker = 0; worker < workers_of(config); ++worker) {
    directors_.emplace_back(settings_of(config, worker), network_);
  }
}

void Replayer::start(TimePoint first) {
  now_ = report_.first = report_.last = first;
  remember_names();
  const Config config = std::exchange(config_, {});
  config_.startup = config.startup;
  apply(config);
}

void Replayer::apply(const Config& next) {
  Changes changes = diff(config_, next);
  if (directors_.size() > 1) {
    loads_.hand_out(changes);
    captured_ = with_former(next, captured_);
    steering_ = Steering(steering_.hash(), captured_);
  }
  for (Director& director : directors_) {
    director.apply(changes, now_, emissions_);
    emit(0, now_, nullptr);
  }
  // What needs a restart stays as it was, here as in the daemon.
  const StartupConfig startup = config_.startup;
  config_ = next;
  config_.startup = startup;
}

Director& Replayer::next_due() {
  Director* first = &directors_.front();
  for (Director& director : directors_) {
    const auto due = director.next_deadline(), earliest = first->next_deadline();
    if (due && (!earliest || *due < *earliest)) first = &director;
  }
  return *first;
}

void Replayer::teach(Director& from) {
  for (const PathLesson& lesson : from.take_lessons()) {
    for (Director& director : directors_) {
      if (&director != &from) director.learn(lesson, now_);
    }
  }
}

// One call settles so many expiries at most and leaves the deadline where it was if there are more.
// Each such call has settled one connection at least, so more of them in a row than there can be
// connections are our own bug, and would never end.
void Replayer::advance(TimePoint to) {
  std::optional<TimePoint> last;
  std::uint64_t calls = 0;
  const std::uint64_t most = std::uint64_t{config_.startup.connection_limit} * directors_.size();
  while (true) {
    Director& director = next_due();
    const auto due = director.next_deadline();
    if (!due || *due > to) break;
    calls = last && *due <= *last ? calls + 1 : 0;
    LVSD_ASSERT(calls <= most);
    last = std::max(last, due);
    now_ = std::max(now_, *due);
    director.expire(now_, emissions_);
    emit(0, now_, nullptr);
  }
  now_ = std::max(now_, to);
}

void Replayer::frame(const CapturedFrame& frame, LinkType type) {
  ++report_.frames;
  report_.last = std::max(report_.last, frame.time);
  advance(frame.time);
  const auto outcome = arrive(frame, type, *network_);
  if (const Skip* const skip = std::get_if<Skip>(&outcome)) {
    ++report_.skipped[static_cast<std::size_t>(*skip)];
    return;
  }
  decide(std::get<Arrival>(outcome));
}

void Replayer::decide(const Arrival& arrival) {
  ++report_.packets;
  storage_.assign(kPacketHeadroom + arrival.length, std::byte{0});
  std::copy(arrival.packet.begin(), arrival.packet.end(), storage_.begin() + kPacketHeadroom);
  if (arrival.cut()) {
    ++report_.cut;
    complete(std::span(storage_).subspan(kPacketHeadroom));
  }
  PacketBuffer buffer(storage_, kPacketHeadroom, arrival.length);
  if (is_super_packet(arrival, buffer.bytes(), *network_)) {
    buffer.set_offload({.unfinished_checksum = true, .aggregated = true});
  }
  if (const Interface* const link = network_->interface(arrival.interface)) {
    buffer.set_arrival(link->index);
  }
  buffer.set_mark(mark_of(buffer.bytes(), arrival.interface, *network_));
  Director& director = directors_[steering_.worker_of(buffer.bytes(), buffer.mark()).value_or(0)];
  const Verdict verdict = handle(director, arrival, buffer);
  teach(director);
  count(director, verdict);
  if (arrival.cut() && std::holds_alternative<Held>(verdict)) guess_waits_ = true;
  if (observer_.left_to_stack && std::holds_alternative<Accept>(verdict))
    observer_.left_to_stack(arrival.packet, *network_);
  if (records_) record(director, arrival, arrival.packet, verdict);
  emit(report_.frames, now_, arrival.cut() ? &arrival : nullptr);
}

Verdict Replayer::handle(Director& director, const Arrival& arrival, PacketBuffer& buffer) {
  if (observer_.rehearsed) rehearse(director, arrival, buffer);
  if (!observer_.explained) return director.handle(buffer, now_, emissions_);
  Decision decision;
  const Verdict verdict = director.handle(buffer, now_, emissions_, decision);
  observer_.explained({report_.frames, now_, arrival, decision, emissions_.list(), *network_});
  return verdict;
}

void Replayer::rehearse(const Director& director, const Arrival& arrival,
                        const PacketBuffer& packet) {
  std::vector<std::byte> storage(kPacketHeadroom + packet.size());
  std::ranges::copy(packet.bytes(), storage.begin() + kPacketHeadroom);
  PacketBuffer copy(storage, kPacketHeadroom, packet.size());
  copy.set_mark(packet.mark());
  copy.set_offload(packet.offload());
  copy.set_arrival(packet.arrival());
  Emissions emissions;
  Decision decision;
  director.explain(copy, now_, emissions, decision);
  observer_.rehearsed({report_.frames, now_, arrival, decision, emissions.list(), *network_});
}

void Replayer::count(const Director& director, const Verdict& verdict) {
  std::visit(Overloaded{[&](const Accept& v) { ++report_.accepted[std::size_t(v.reason)]; },
                        [&](const Drop& v) { ++report_.dropped[std::size_t(v.reason)]; },
                        [&](const Forwarded& v) {
                          ++report_.forwarded;
                          tally(director, v.destination, v.direction, v.new_connection);
                        },
                        [&](const Held& v) {
                          ++report_.held;
                          tally(director, v.destination, v.direction, v.new_connection);
                        }},
             verdict);
}

void Replayer::tally(const Director& director, DestinationId id, Direction direction,
                     bool new_connection) {
  const DestinationState* const state = director.destination(id);
  if (state == nullptr) return;
  const auto [place, first] =
      tally_of_.try_emplace({state->service, state->config.endpoint}, report_.tallies.size());
  if (first) report_.tallies.push_back({*named(director, id)});
  Tally& tally = report_.tallies[place->second];
  tally.connections += new_connection ? 1 : 0;
  ++(direction == Direction::request ? tally.requests : tally.replies);
}

std::optional<NamedDestination> Replayer::named(const Director& director, DestinationId id) const {
  const DestinationState* const state = director.destination(id);
  if (state == nullptr) return std::nullopt;
  const auto name = names_.find(state->service);
  return NamedDestination{name != names_.end() ? name->second : to_string(state->service),
                          state->service, state->config};
}

void Replayer::remember_names() {
  for (const VirtualService& service : config_.services) names_[service.key] = service.name;
}

void Replayer::record(const Director& director, const Arrival& arrival,
                      std::span<const std::byte> packet, const Verdict& verdict) {
  PacketRecord record{.frame = report_.frames,
                      .time = now_,
                      .interface = arrival.interface,
                      .packet = describe(decode_packet(packet)),
                      .verdict = {},
                      .reason = {},
                      .destination = {},
                      .cut = arrival.cut()};
  const auto sent = [&](std::string_view word, const auto& v) {
    record.verdict = word;
    record.destination = named(director, v.destination);
    record.direction = v.direction;
    record.new_connection = v.new_connection;
  };
  std::visit(Overloaded{[&](const Accept& v) {
                          record.verdict = "accepted";
                          record.reason = to_string(v.reason);
                        },
                        [&](const Drop& v) {
                          record.verdict = "dropped";
                          record.reason = to_string(v.reason);
                        },
                        [&](const Forwarded& v) { sent("forwarded", v); },
                        [&](const Held& v) { sent("held", v); }},
             verdict);
  report_.packet_records.push_back(std::move(record));
}

void Replayer::emit(std::uint64_t cause, TimePoint time, const Arrival* cut) {
  for (const Emission& emission : emissions_.list()) {
    switch (emission.kind) {
      case EmissionKind::frame:
      case EmissionKind::routed:
        emit_packet(emission, cause, time, cut);
        break;
      case EmissionKind::resolve:
        ++report_.resolves;
        break;
      case EmissionKind::refresh:
        ++report_.refreshes;
        break;
    }
  }
  emissions_.clear();
}

// What the device would make of it.
void Replayer::emit_packet(const Emission& emission, std::uint64_t cause, TimePoint time,
                           const Arrival* cut) {
  if (emission.unfinished == Unfinished{}) return emit_finished(emission, cause, time, cut);
  std::vector<std::byte> whole(emission.packet.begin(), emission.packet.end());
  const Result<PacketView, Malformed> view = parse_packet(whole);
  LVSD_ASSERT(view.has_value() && emission.head.empty());
  Emission one = emission;
  one.unfinished = {};
  one.packet = whole;
  if (emission.unfinished.segment_size == 0) {
    finish_tcp_checksum(whole, *view);
    return emit_finished(one, cause, time, cut);
  }
  Emissions memory;
  std::vector<Segment> segments;
  cut_to_segments(whole, *view, emission.unfinished.segment_size, 0, memory, segments);
  for (const Segment& segment : segments) {
    one.head = segment.head;
    one.packet = segment.payload;
    emit_finished(one, cause, time, cut);
  }
}

void Replayer::emit_finished(const Emission& emission, std::uint64_t cause, TimePoint time,
                             const Arrival* cut) {
  ++report_.emitted;
  const bool routed = emission.kind == EmissionKind::routed;
  const Interface* const egress = network_->interface(emission.interface);
  // The kernel picks the MACs of what it routes: the source is written where the interface is
  // known.
  EthernetHeader header{emission.destination, emission.source, ethertype_of(emission.start())};
  if (routed) {
    ++report_.routed;
    header.destination = Mac();
    header.source = egress != nullptr ? egress->mac.value_or(Mac()) : Mac();
  }
  frame_.resize(sizeof header + emission.size());
  store(frame_, header);
  const auto packet = std::span(frame_).subspan(sizeof header);
  std::copy(emission.head.begin(), emission.head.end(), packet.begin());
  std::copy(emission.packet.begin(), emission.packet.end(),
            packet.subspan(emission.head.size()).begin());
  const std::size_t known =
      sizeof header + (cut != nullptr ? known_bytes(packet, *cut) : packet.size());
  const CapturedFrame captured{time, std::span<const std::byte>(frame_).first(known),
                               frame_.size()};
  const bool guessed = cut != nullptr || (cause == 0 && guess_waits_);
  if (observer_.emitted) observer_.emitted({captured, report_.emitted, guessed, routed}, *network_);
  if (!records_) return;
  report_.emission_records.push_back({report_.emitted, cause, time,
                                      egress != nullptr ? egress->name : "", routed,
                                      describe(decode_packet(packet))});
}

void Replayer::reload(TimePoint at, const std::string& file) {
  advance(at);
  EventRecord event{now_, "reload", file, true, {}};
  if (const auto next = load_config(file)) {
    const Changes changes = diff(config_, *next);
    for (const std::string& key : changes.needs_restart) {
      event.messages.push_back(key + " changes at the next start");
    }
    apply(*next);
    remember_names();
  } else {
    event.applied = false;
    for (const Problem& problem : next.error().list) {
      event.messages.push_back(to_string(problem, file));
    }
  }
  report_.events.push_back(std::move(event));
}

void Replayer::change_network(TimePoint at, const std::string& file,
                              std::shared_ptr<const Network> network) {
  advance(at);
  network_ = std::move(network);
  for (Director& director : directors_) {
    director.update_network(network_, now_, emissions_);
    emit(0, now_, nullptr);
  }
  report_.events.push_back({now_, "network", file, true, {}});
}

const ReplayReport& Replayer::finish(bool connections) {
  report_.director = directors_.front().snapshot();
  for (std::size_t i = 1; i < directors_.size(); ++i) {
    add_snapshot(report_.director, directors_[i].snapshot());
  }
  for (const Director& director : directors_) {
    for (RefusedPacket& each : director.refused()) report_.refused.push_back(std::move(each));
  }
  if (!connections) return report_;
  constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();
  for (const Director& director : directors_) {
    for (ConnectionSnapshot& each : director.connections(0, kAll, now_).connections) {
      report_.connections.push_back(std::move(each));
    }
  }
  return report_;
}

}  // namespace lvsd::ctl
