// SPDX-License-Identifier: GPL-2.0-or-later
// Questions that change nothing: where a packet would go, what was refused, what passes. The first
// is a worker's work (director/dry_run.cc), and anybody who may read can ask it in a loop: how
// often it is answered is bounded by a delay (daemon/pace.h).
#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "daemon_state.h"
#include "lvsd/control/bounded_list.h"
#include "lvsd/control/explanation.h"
#include "lvsd/model/steering.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestPacket = 65535;
// lvsctl gives up after ten seconds.
constexpr std::chrono::seconds kPatience{10};
// Of what passed since it was asked last, in all: no line of the control socket is longer.
constexpr std::size_t kMostOfTrace = kMaxRequest - kMaxShort;

Duration since_epoch(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// "1700000000.123456789": workers have the monotonic clock, people the other.
std::string wall_time(TimePoint time, Duration offset) {
  const auto ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch() + offset)
          .count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  return fmt::format("{}.{:09}", ns / kSecond, ns % kSecond);
}

json to_json(const DecidedPacket& decided, const Network& network, const HealthView& view) {
  const auto word = [&view](const ServiceKey& key, const Endpoint& endpoint) {
    const CheckedView* const checked = view.find(key, endpoint);
    return checked != nullptr ? std::string(to_string(checked->state)) : std::string();
  };
  json value = to_json(explain(decided.decision, decided.emissions, network, word));
  value["asked"] = to_hex(decided.packet);
  return value;
}

Result<TapFilter, Error> filter_of(const Request& request, const Config& running) {
  TapFilter filter;
  if (request.service) {
    const auto found = find_service(running, *request.service);
    if (!found) return Unexpected{found.error()};
    filter.service = *found;
  }
  if (request.client) {
    filter.client = Prefix::parse(*request.client);
    if (!filter.client) return fail("the client is an address, or a network such as 10.0.0.0/8");
  }
  if (request.destination) {
    filter.destination = IpAddress::parse(*request.destination);
    if (!filter.destination) return fail("the destination is an address");
  }
  filter.verdict = request.verdict.value_or("");
  return filter;
}

}  // namespace

void Daemon::State::explain(Request request, const Peer& peer, ControlSocket::Reply reply) {
  const bool idle = explaining.of_changers.empty() && explaining.of_readers.empty();
  auto& queue = peer.may_change ? explaining.of_changers : explaining.of_readers;
  queue.push_back({std::move(request), std::move(reply), Pace::Clock::now()});
  if (idle) next_explanation();
}

// One at a time. A crowd of readers makes each other wait, not those who may change things; and
// what nobody waits for any more costs the workers nothing.
void Daemon::State::next_explanation() {
  explaining.timer.expires_at(explaining.pace.next());
  explaining.timer.async_wait([this](boost::system::error_code error) {
    if (error) return;
    auto& queue = explaining.of_changers.empty() ? explaining.of_readers : explaining.of_changers;
    const Explaining::Wanted wanted = std::move(queue.front());
    queue.pop_front();
    const auto from = Pace::Clock::now();
    std::string said;
    if (from - wanted.since < kPatience) {
      said = text_of(explain(wanted.request));
      explaining.pace.worked(from, Pace::Clock::now());
    } else {
      said = error_reply("too many ask for explanations; try again");
    }
    if (!explaining.of_changers.empty() || !explaining.of_readers.empty()) next_explanation();
    wanted.reply(std::move(said));
  });
}

// By the worker that the packet would come to, or one that knows its connection.
json Daemon::State::explain(const Request& request) {
  const auto packet = from_hex(*request.packet);
  if (!packet || packet->empty() || packet->size() > kLargestPacket) {
    return bad("the packet is not one of 1 to 65535 bytes in hexadecimal");
  }
  const auto answers = fleet.explain(*packet, request.mark);
  if (!answers) return bad(answers.error().message);
  const auto knows = std::ranges::find_if(
      *answers, [](const DecidedPacket& decided) { return decided.decision.found.has_value(); });
  const auto owner = Steering(hash, exposure.captured()).worker_of(*packet, request.mark);
  const DecidedPacket& decided = knows == answers->end() ? answers->at(owner.value_or(0)) : *knows;
  return good({{"explanation", to_json(decided, *network, health.view())}});
}

json Daemon::State::drops() {
  const auto workers = fleet.refused();
  if (!workers) return bad(workers.error().message);
  const Duration offset = since_epoch(CLOCK_REALTIME) - since_epoch(CLOCK_MONOTONIC);
  std::vector<RefusedPacket> all;
  for (const auto& some : *workers) all.insert(all.end(), some.begin(), some.end());
  std::ranges::stable_sort(all, {}, &RefusedPacket::time);
  json packets = json::array();
  for (const RefusedPacket& packet : all) {
    packets.push_back({{"time", wall_time(packet.time, offset)},
                       {"reason", packet.reason},
                       {"length", packet.length},
                       {"bytes", to_hex(packet.bytes)}});
  }
  return good({{"packets", std::move(packets)}});
}

json Daemon::State::trace(const Request& request) {
  const auto filter = filter_of(request, running);
  if (!filter) return bad(filter.error().message);
  const auto workers = fleet.tap(request.id, *filter);
  if (!workers) return bad(workers.error().message);
  const Duration offset = since_epoch(CLOCK_REALTIME) - since_epoch(CLOCK_MONOTONIC);
  std::vector<const DecidedPacket*> all;
  std::uint64_t missed = 0;
  for (const TapReply& reply : *workers) {
    for (const DecidedPacket& packet : reply.packets) all.push_back(&packet);
    missed += reply.missed;
  }
  std::ranges::stable_sort(all, {}, [](const DecidedPacket* packet) { return packet->time; });
  BoundedList packets(kMostOfTrace);
  const HealthView view = health.view();
  for (const DecidedPacket* const packet : all) {
    json entry = to_json(*packet, *network, view);
    entry["time"] = wall_time(packet->time, offset);
    if (!packets.add(std::move(entry))) ++missed;
  }
  return good({{"packets", packets.take()}, {"missed", missed}});
}

json Daemon::State::decisions(const Request& request) {
  const auto filter = filter_of(request, running);
  if (!filter) return bad(filter.error().message);
  const auto workers = fleet.decisions(filter->service);
  if (!workers) return bad(workers.error().message);
  const Duration offset = since_epoch(CLOCK_REALTIME) - since_epoch(CLOCK_MONOTONIC);
  std::vector<std::pair<const std::string*, const RecordedDecision*>> all;
  for (const auto& services : *workers) {
    for (const ServiceDecisions& service : services) {
      for (const RecordedDecision& one : service.decisions) all.emplace_back(&service.name, &one);
    }
  }
  std::ranges::stable_sort(all, {}, [](const auto& entry) { return entry.second->time; });
  json list = json::array();
  for (const auto& [name, one] : all) {
    list.push_back({{"time", wall_time(one->time, offset)},
                    {"service", *name},
                    {"protocol", one->protocol},
                    {"client", to_string(one->client)},
                    {"virtual", to_string(one->virtual_end)},
                    {"destination", to_string(one->destination)}});
  }
  return good({{"decisions", std::move(list)}});
}

}  // namespace lvsd
