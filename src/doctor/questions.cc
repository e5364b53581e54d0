// SPDX-License-Identifier: GPL-2.0-or-later
#include "questions.h"

#include <algorithm>

namespace lvsd::doctor {
namespace {

constexpr int kTimes = 3;
constexpr std::chrono::milliseconds kBetween{200};
constexpr std::size_t kCandidates = 4;

constexpr std::uint8_t kLastHop = 1;  // of a packet that nobody passes on
constexpr std::size_t kMostOwners = 64;

}  // namespace

// The last addresses of a network, before its broadcast address: seldom given to anybody. In a
// small one all are asked about, in a large one not the very last, which many give to a gateway.
std::vector<IpAddress> last_addresses(const Prefix& network, const std::set<IpAddress>& taken) {
  std::vector<IpAddress> out;
  const unsigned bits = network.address.width() - network.length;
  if (bits < 2) return out;
  IpAddress::Bytes last = network.address.bytes();
  for (unsigned bit = 0; bit < bits; ++bit) {
    last[15 - bit / 8] = static_cast<std::uint8_t>(last[15 - bit / 8] | (1U << (bit % 8)));
  }
  const unsigned room = bits < 8 ? (1U << bits) - 1 : 255;
  for (unsigned i = bits < 4 ? 1 : 2; i < room && out.size() < kCandidates; ++i) {
    IpAddress::Bytes bytes = last;
    bytes[15] = static_cast<std::uint8_t>(bytes[15] - i);
    const IpAddress candidate(bytes);
    if (!taken.contains(candidate)) out.push_back(candidate);
  }
  return out;
}

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

void Questions::collect_unused(const Evidence& evidence, const DestinationEvidence& seen) {
  const Interface* out = network_.interface(seen.hop->interface);
  const IpAddress& server = seen.destination.endpoint.address;
  std::set<IpAddress> taken;
  for (const VipEvidence& vip : evidence.vips) taken.insert(vip.vip);
  for (const DestinationEvidence& other : evidence.destinations) {
    taken.insert(other.destination.endpoint.address);
    if (other.hop) taken.insert(other.hop->gateway);
  }
  for (const InterfaceAddress& own : out->addresses) {
    if (own.address.is_v4() != server.is_v4() || own.length == own.address.width()) continue;
    const Prefix prefix = Prefix::of(own.address, own.length);
    if (!prefix.contains(server)) continue;
    unused_[server].network = prefix;
    for (const IpAddress& candidate : last_addresses(prefix, taken)) {
      if (network_.is_local(candidate)) continue;
      answers_[{out->index, candidate}];
      unused_[server].candidates.push_back(candidate);
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
    if (seen.hop->gateway == server && !unused_.contains(server)) {
      collect_unused(evidence, seen);
    }
  }
}

void Questions::send(const Evidence& evidence) {
  for (const auto& entry : answers_) {
    const Interface* out = network_.interface(entry.first.interface);
    const IpAddress own = address_on(*out, entry.first.about, evidence);
    wire_.send(out->index, question_frame(*out->mac, own, entry.first.about));
  }
}

// What a server does with an answer of NAT must not be mistaken for one of another method: each has
// an address of its own, where there are two.
void Questions::choose_neighbour(DestinationEvidence& seen) const {
  const auto unused = unused_.find(seen.destination.endpoint.address);
  if (unused == unused_.end()) return;
  seen.network = unused->second.network;
  bool next = std::holds_alternative<Masquerade>(seen.destination.method);
  for (const IpAddress& candidate : unused->second.candidates) {
    const auto taken = answers_.find({seen.hop->interface, candidate});
    if (taken != answers_.end() && !taken->second.empty()) continue;
    seen.neighbour = candidate;
    if (next) break;
    next = true;
  }
  seen.network_full = seen.neighbour.is_unspecified();
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
    choose_neighbour(seen);
  }
}

// A real server may answer by another of its interfaces than the one that leads to it, with a MAC
// that tells nothing. It answers there for its own address, too, and so does a router, from behind:
// but not what may go no further.
void Questions::find_owners(Evidence& evidence) {
  struct Asked {
    Claim* claim;
    IpAddress owner;
    Port mine;
    InterfaceIndex interface;
    Bytes frame;
  };
  std::vector<Asked> asked;
  std::set<std::pair<Mac, IpAddress>> known;
  for (VipEvidence& vip : evidence.vips) {
    for (Claim& claim : vip.claims) {
      const Interface& on = *network_.interface(claim.interface);
      for (const DestinationEvidence& seen : evidence.destinations) {
        const IpAddress& server = seen.destination.endpoint.address;
        const IpAddress own = address_on(on, vip.vip, evidence);
        if (seen.local || seen.virtual_service.key.listen.address != vip.vip) continue;
        if (server.is_v4() != vip.vip.is_v4() || own.is_unspecified()) continue;
        if (asked.size() == kMostOwners || !known.emplace(claim.mac, server).second) continue;
        const Port mine(static_cast<std::uint16_t>(kFirstProbePort + asked.size()));
        asked.push_back({&claim, server, mine, on.index,
                         frame_of(claim.mac, *on.mac, echo(own, mine, server, kLastHop))});
      }
    }
  }
  for (int time = 0; time < kTimes && !asked.empty(); ++time) {
    for (const Asked& one : asked) wire_.send(one.interface, one.frame);
    const auto on_heard = [&asked](InterfaceIndex, const Heard& heard) {
      for (const Asked& one : asked) {
        const bool answered = heard.kind == Heard::Kind::echo && heard.identifier == one.mine;
        if (answered && heard.tuple.source == one.owner) one.claim->owner = one.owner;
      }
    };
    wire_.listen(kBetween, on_heard, [] { return false; });
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
  find_owners(evidence);
}

}  // namespace lvsd::doctor
