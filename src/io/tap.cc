// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/tap.h"

#include <algorithm>
#include <utility>

#include "lvsd/model/overloaded.h"

namespace lvsd {
namespace {

bool is(const Verdict& verdict, std::string_view name) {
  return std::visit(
      Overloaded{[&](const Accept& v) { return name == "accepted" || name == to_string(v.reason); },
                 [&](const Drop& v) { return name == "dropped" || name == to_string(v.reason); },
                 [&](const Forwarded&) { return name == "forwarded"; },
                 [&](const Held&) { return name == "held"; }},
      verdict);
}

}  // namespace

void DecidedPacket::own(const std::vector<Emission>& list, std::size_t from) {
  for (std::size_t i = from; i < list.size(); ++i) {
    if (list[i].kind != EmissionKind::frame && list[i].kind != EmissionKind::routed) continue;
    std::vector<std::byte>& copy = bytes.emplace_back(list[i].head.begin(), list[i].head.end());
    copy.insert(copy.end(), list[i].packet.begin(), list[i].packet.end());
    emissions.push_back(list[i]);
    emissions.back().head = {};
    emissions.back().packet = copy;  // of the vector's own memory, which moves with it
  }
}

std::size_t DecidedPacket::size() const {
  std::size_t sum = packet.size();
  for (const std::vector<std::byte>& each : bytes) sum += each.size();
  return sum;
}

bool TapFilter::matches(const Decision& decision, const std::optional<ServiceKey>& served) const {
  if (!verdict.empty() && !is(decision.verdict, verdict)) return false;
  if (client) {
    if (!decision.packet) return false;
    const Tuple& tuple = decision.packet->tuple;
    const bool reply = decision.way && decision.way->direction == Direction::reply;
    if (!client->contains(reply ? tuple.destination : tuple.source)) return false;
  }
  if (service) {
    const bool asked = decision.service && decision.service->match != ServiceMatch::none &&
                       decision.service->key == *service;
    if (!asked && served != *service) return false;
  }
  return !destination || (decision.way && decision.way->server.address == *destination);
}

TapReply Taps::take(std::uint32_t id, const TapFilter& filter, TimePoint now) {
  auto tap = std::ranges::find(taps_, id, &Tap::id);
  if (tap == taps_.end()) {
    if (taps_.size() >= kTaps) taps_.erase(taps_.begin());  // the oldest
    taps_.push_back({id, filter, {}, {}});
    tap = taps_.end() - 1;
  }
  tap->until = now + kLease;
  return std::exchange(tap->seen, {});
}

bool Taps::wanted(TimePoint now) {
  std::erase_if(taps_, [now](const Tap& tap) { return tap.until <= now; });
  return !taps_.empty();
}

void Taps::see(const Decision& decision, const std::optional<ServiceKey>& served,
               const std::function<DecidedPacket()>& decided) {
  for (Tap& tap : taps_) {
    if (!tap.filter.matches(decision, served)) continue;
    if (tap.seen.packets.size() < kPackets && tap.seen.size < kBytes) {
      DecidedPacket packet = decided();
      tap.seen.size += packet.size();
      if (tap.seen.size <= kBytes) {
        tap.seen.packets.push_back(std::move(packet));
        continue;
      }
    }
    ++tap.seen.missed;
  }
}

}  // namespace lvsd
