// SPDX-License-Identifier: GPL-2.0-or-later
#include "questions.h"

#include <algorithm>

namespace lvsd::doctor {
namespace {

constexpr int kTimes = 3;
constexpr std::chrono::milliseconds kBetween{200};
constexpr int kCandidates = 4;

// The last addresses of a network, before its broadcast address: seldom given to anybody.
std::vector<IpAddress> last_addresses(const Prefix& network) {
  std::vector<IpAddress> out;
  const unsigned bits = network.address.width() - network.length;
  if (bits < 4) return out;
  for (int i = 0; i < kCandidates; ++i) {
    IpAddress::Bytes bytes = network.address.bytes();
    for (unsigned bit = 0; bit < bits; ++bit) {
      bytes[15 - bit / 8] = static_cast<std::uint8_t>(bytes[15 - bit / 8] | (1U << (bit % 8)));
    }
    bytes[15] = static_cast<std::uint8_t>(bytes[15] - 2 - i);
    out.emplace_back(bytes);
  }
  return out;
}

}  // namespace

IpAddress address_on(const Interface& interface, const IpAddress& about, const Evidence& evidence) {
  IpAddress elsewhere;
  for (const InterfaceAddress& own : interface.addresses) {
    const bool vip =
        std::any_of(evidence.vips.begin(), evidence.vips.end(),
                    [&own](const VipEvidence& other) { return other.vip == own.address; });
    if (own.address.is_v4() != about.is_v4() || vip) continue;
    if (Prefix::of(own.address, own.length).contains(about)) return own.address;
    if (elsewhere.is_unspecified()) elsewhere = own.address;
  }
  return elsewhere;
}

void Questions::collect_unused(const DestinationEvidence& seen) {
  const Interface* out = network_.interface(seen.hop->interface);
  const IpAddress& server = seen.destination.endpoint.address;
  for (const InterfaceAddress& own : out->addresses) {
    if (own.address.is_v4() != server.is_v4() || own.length == own.address.width()) continue;
    const Prefix prefix = Prefix::of(own.address, own.length);
    if (!prefix.contains(server)) continue;
    for (const IpAddress& candidate : last_addresses(prefix)) {
      if (network_.is_local(candidate)) continue;
      answers_[{out->index, candidate}];
      unused_[server].push_back(candidate);
    }
    return;
  }
}

void Questions::collect(const Evidence& evidence) {
  for (const VipEvidence& vip : evidence.vips) {
    for (const Interface& interface : network_.interfaces()) {
      if (interface.mac && interface.up && !interface.loopback)
        answers_[{interface.index, vip.vip}];
    }
  }
  for (const DestinationEvidence& seen : evidence.destinations) {
    if (seen.local || !seen.hop || !seen.has_mac || !seen.link_up) continue;
    if (network_.interface(seen.hop->interface) == nullptr) continue;
    answers_[{seen.hop->interface, seen.hop->gateway}];
    const IpAddress& server = seen.destination.endpoint.address;
    if (seen.hop->gateway == server && !unused_.contains(server)) collect_unused(seen);
  }
}

void Questions::send(const Evidence& evidence) {
  for (const auto& entry : answers_) {
    const Interface* out = network_.interface(entry.first.interface);
    const IpAddress own = address_on(*out, entry.first.about, evidence);
    wire_.send(out->index, question_frame(*out->mac, own, entry.first.about));
  }
}

void Questions::conclude(Evidence& evidence) const {
  for (VipEvidence& vip : evidence.vips) {
    for (const auto& [key, macs] : answers_) {
      if (key.about != vip.vip) continue;
      for (const Mac& mac : macs) {
        vip.claims.push_back({network_.interface(key.interface)->name, mac});
      }
    }
  }
  for (DestinationEvidence& seen : evidence.destinations) {
    if (!seen.hop) continue;
    const auto answer = answers_.find({seen.hop->interface, seen.hop->gateway});
    if (answer != answers_.end()) seen.macs.assign(answer->second.begin(), answer->second.end());
    const auto candidates = unused_.find(seen.destination.endpoint.address);
    if (candidates == unused_.end()) continue;
    // What a server does with an answer of NAT must not be mistaken for one of another method: each
    // has an address of its own.
    bool next = std::holds_alternative<Masquerade>(seen.destination.method);
    for (const IpAddress& candidate : candidates->second) {
      const auto taken = answers_.find({seen.hop->interface, candidate});
      if (taken != answers_.end() && !taken->second.empty()) continue;
      seen.neighbour = candidate;
      if (next) break;
      next = true;
    }
  }
}

void Questions::ask(Evidence& evidence) {
  collect(evidence);
  if (answers_.empty()) return;
  std::set<Mac> ours;
  for (const Interface& interface : network_.interfaces()) {
    if (interface.mac) ours.insert(*interface.mac);
  }
  const auto on_heard = [&](InterfaceIndex interface, const Heard& heard) {
    if (heard.kind != Heard::Kind::claim || ours.contains(heard.mac)) return;
    const auto asked = answers_.find({interface, heard.address});
    if (asked != answers_.end()) asked->second.insert(heard.mac);
  };
  for (int time = 0; time < kTimes; ++time) {
    send(evidence);
    wire_.listen(kBetween, on_heard, [] { return false; });
  }
  conclude(evidence);
}

}  // namespace lvsd::doctor
