// SPDX-License-Identifier: GPL-2.0-or-later
#include "probes.h"

#include <unistd.h>

#include <algorithm>

#include "lvsd/forward/encapsulate.h"

namespace lvsd::doctor {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBetween{400};
constexpr std::uint32_t kPorts = 65536 - kFirstProbePort;
constexpr std::uint32_t kUsualMtu = 1500;  // of clients

bool on_one_network(const DestinationEvidence& seen, const Interface& out) {
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  for (const InterfaceAddress& own : out.addresses) {
    if (own.address.is_v4() != vip.is_v4() || own.length == own.address.width()) continue;
    const Prefix network = Prefix::of(own.address, own.length);
    if (network.contains(vip) && network.contains(seen.destination.endpoint.address)) return true;
  }
  return false;
}

// An address in that prefix that is no network's own: ...77.
IpAddress within(const Prefix& prefix) {
  IpAddress::Bytes bytes = prefix.address.bytes();
  constexpr std::uint8_t kSomebody = 77;
  bytes[15] = static_cast<std::uint8_t>(bytes[15] | kSomebody);
  return IpAddress(bytes);
}

}  // namespace

Probes::Probes(const Network& network, Wire& wire, const Examination& wanted)
    : network_(network), wire_(wire), wanted_(wanted) {
  // Two runs in a row do not meet each other's connections.
  const auto now = Clock::now().time_since_epoch();
  port_ = static_cast<std::uint32_t>(now / std::chrono::milliseconds(1)) % kPorts;
}

Port Probes::next_port() {
  port_ = (port_ + 1) % kPorts;
  return Port(static_cast<std::uint16_t>(kFirstProbePort + port_));
}

// An address of this host's to ask with, as lvsd's own packets have it, in the asked family.
IpAddress Probes::source_for(const DestinationEvidence& seen, bool v4) const {
  if (seen.hop->source.is_v4() == v4) return seen.hop->source;
  const Interface* out = network_.interface(seen.hop->interface);
  if (out == nullptr) return {};
  for (const InterfaceAddress& own : out->addresses) {
    if (own.address.is_v4() == v4 && !own.address.is_link_local()) return own.address;
  }
  return {};
}

// A source whose answers have to come back through this host: one from outside, where there is a
// way outside, else one of another network that this host knows.
IpAddress Probes::client_for(const DestinationEvidence& seen) const {
  const IpAddress& server = seen.destination.endpoint.address;
  if (wanted_.client && wanted_.client->is_v4() == server.is_v4()) return *wanted_.client;
  const IpAddress outside = server.is_v4() ? IpAddress(198, 51, 100, 77)  // RFC 5737
                                           : *IpAddress::parse("2001:db8:ffff::77");
  const auto hop = network_.route(outside);
  if (hop && hop->kind == RouteKind::unicast) return outside;
  for (const Route& route : network_.routes()) {
    const bool usable = route.kind == RouteKind::unicast && route.table == 254 &&
                        route.to.address.is_v4() == server.is_v4() && route.to.length > 0 &&
                        !route.to.address.is_link_local() && !route.to.address.is_multicast();
    if (!usable || route.to.contains(server) || route.to.length + 7U > route.to.address.width()) {
      continue;
    }
    if (route.interface == seen.hop->interface) continue;
    return within(route.to);
  }
  return {};
}

Bytes Probes::wrap(const DestinationEvidence& seen, Wrapping wrapping, const Bytes& packet,
                   bool dont_fragment) const {
  const Interface* out = network_.interface(seen.hop->interface);
  if (out == nullptr || !out->mac || seen.macs.empty()) return {};
  if (wrapping == Wrapping::none) return frame_of(seen.macs.front(), *out->mac, packet);
  const Bytes outer = tunnelled(packet, std::get<Tunnel>(seen.destination.method), seen.hop->source,
                                seen.destination.endpoint.address, dont_fragment);
  return outer.empty() ? Bytes() : frame_of(seen.macs.front(), *out->mac, outer);
}

void Probes::add(DestinationEvidence& seen, Answer DestinationEvidence::*answer,
                 const IpAddress& from, const IpAddress& target, Wrapping wrapping,
                 std::uint32_t size) {
  if (from.is_unspecified() || from.is_v4() != target.is_v4()) return;
  const Port mine = next_port(), port = seen.destination.endpoint.port;
  const std::size_t headers =
      (target.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + sizeof(TcpHeader);
  const bool tcp = seen.asks_tcp();
  const Bytes packet = tcp ? syn(from, mine, target, port, size > headers ? size - headers : 0)
                           : echo(from, mine, target);
  Bytes frame = wrap(seen, wrapping, packet, size != 0);
  if (frame.empty()) return;
  if (answer != nullptr) (seen.*answer).reply = Reply::silence;
  probes_.push_back({&seen, answer, mine, target, wrapping == Wrapping::tunnel, std::move(frame),
                     tcp ? wrap(seen, wrapping, reset(from, mine, target, port), false) : Bytes()});
}

void Probes::add_datagram(DestinationEvidence& seen, const IpAddress& from, const IpAddress& target,
                          Wrapping wrapping) {
  const bool udp = seen.virtual_service.key.protocol == ServiceProtocol::udp;
  const Port port = seen.destination.endpoint.port;
  if (!udp || port == Port() || from.is_unspecified() || from.is_v4() != target.is_v4()) return;
  const Port mine = next_port();
  Bytes frame = wrap(seen, wrapping, datagram(from, mine, target, port), false);
  if (frame.empty()) return;
  seen.datagram.reply = Reply::silence;
  probes_.push_back({&seen,
                     &DestinationEvidence::datagram,
                     mine,
                     target,
                     wrapping == Wrapping::tunnel,
                     std::move(frame),
                     {}});
}

void Probes::add_direct(DestinationEvidence& seen) {
  const IpAddress& server = seen.destination.endpoint.address;
  add(seen, &DestinationEvidence::direct, source_for(seen, server.is_v4()), server, Wrapping::none);
}

void Probes::add_tunnel(DestinationEvidence& seen, const IpAddress& from) {
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const IpAddress& server = seen.destination.endpoint.address;
  add(seen, &DestinationEvidence::path, from, vip, Wrapping::tunnel);
  add_datagram(seen, from, vip, Wrapping::tunnel);
  if (!seen.asks_tcp()) return;
  const auto overhead = static_cast<std::uint32_t>(
      tunnel_overhead(std::get<Tunnel>(seen.destination.method), !server.is_v4()));
  seen.full_bytes = std::min(seen.hop->mtu, kUsualMtu + overhead);
  add(seen, &DestinationEvidence::full_size, from, vip, Wrapping::tunnel,
      seen.full_bytes - overhead);
}

void Probes::add_nat(DestinationEvidence& seen) {
  const IpAddress& server = seen.destination.endpoint.address;
  add_datagram(seen, source_for(seen, server.is_v4()), server, Wrapping::none);
  if (!seen.asks_tcp()) return;  // a way back may be chosen by port, which an echo has not
  seen.client = client_for(seen);
  add(seen, &DestinationEvidence::returned, seen.client, server, Wrapping::none);
  const Interface* out = network_.interface(seen.hop->interface);
  if (out != nullptr && on_one_network(seen, *out)) {
    add(seen, &DestinationEvidence::returned_on_link, seen.neighbour, server, Wrapping::none);
  }
}

void Probes::add_all(DestinationEvidence& seen) {
  if (seen.local || !seen.hop || !seen.link_up || !seen.has_mac || seen.macs.empty()) return;
  const bool by_mark = seen.virtual_service.key.is_by_mark();
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const bool on_link = seen.hop->gateway == seen.destination.endpoint.address;
  add_direct(seen);
  if (std::holds_alternative<Masquerade>(seen.destination.method)) return add_nat(seen);
  if (by_mark) return;  // no virtual address to ask for
  const IpAddress from = source_for(seen, vip.is_v4());
  const bool tunnel = std::holds_alternative<Tunnel>(seen.destination.method);
  if (!tunnel && !on_link) return;
  if (tunnel) add_tunnel(seen, from);
  if (!tunnel) {
    add(seen, &DestinationEvidence::path, from, vip, Wrapping::none);
    add_datagram(seen, from, vip, Wrapping::none);
  }
  // Its answer to an address that it does not know yet makes it ask ARP, in some name.
  if (vip.is_v4() && on_link) {
    add(seen, nullptr, seen.neighbour, vip, tunnel ? Wrapping::tunnel : Wrapping::none);
  }
}

bool Probes::answers(const Probe& probe, const Heard& heard) const {
  switch (heard.kind) {
    case Heard::Kind::segment:
      return heard.tuple.destination_port == probe.mine && heard.tuple.source == probe.target;
    case Heard::Kind::echo:
      return heard.identifier == probe.mine && heard.tuple.source == probe.target;
    case Heard::Kind::error:
      break;
    case Heard::Kind::question:
    case Heard::Kind::claim:
      return false;
  }
  if (heard.quotes_tunnel) {
    if (!probe.tunnel || heard.address != probe.seen->destination.endpoint.address) return false;
    if (!heard.has_inner) return true;
  }
  if (heard.tuple.destination != probe.target) return false;
  if (heard.tuple.source_port == probe.mine) return true;
  // Without ports it may be anybody's; what came out of a tunnel is quoted like what never was in.
  return heard.tuple.source_port == Port() && heard.quotes_tunnel == probe.tunnel;
}

void Probes::hear(const Heard& heard) {
  for (Probe& probe : probes_) {
    DestinationEvidence& seen = *probe.seen;
    if (heard.kind == Heard::Kind::question) {
      if (std::find(seen.macs.begin(), seen.macs.end(), heard.mac) == seen.macs.end()) continue;
      const bool nat = std::holds_alternative<Masquerade>(seen.destination.method);
      if (nat && heard.address == seen.neighbour) seen.asked_for_neighbour = true;
      if (!nat && heard.sender == seen.virtual_service.key.listen.address) {
        seen.speaks_for_vip = heard.mac;
      }
      continue;
    }
    if (probe.answer == nullptr || !answers(probe, heard)) continue;
    Answer& answer = seen.*probe.answer;
    if (answer.alive()) continue;
    if (heard.kind == Heard::Kind::error) {
      answer = {Reply::error, !heard.sender.is_v4(), heard.type, heard.code, heard.sender};
    } else {
      const bool reset = (heard.tcp_flags & TcpHeader::kRst) != 0;
      answer.reply = reset ? Reply::refused : Reply::accepted;
    }
  }
}

// A probe that is answered is not sent again; who is silent is asked until patience ends. The least
// time is for what a server asks ARP before it answers.
void Probes::run() {
  const auto begin = Clock::now();
  const auto missing = [this] {
    return std::any_of(probes_.begin(), probes_.end(), [](const Probe& probe) {
      return probe.answer != nullptr && (probe.seen->*probe.answer).silent() &&
             probe.answer != &DestinationEvidence::datagram &&
             !(probe.answer == &DestinationEvidence::returned_on_link &&
               probe.seen->asked_for_neighbour);
    });
  };
  while (!probes_.empty()) {
    for (const Probe& probe : probes_) {
      if (probe.answer != nullptr && !(probe.seen->*probe.answer).silent()) continue;
      wire_.send(probe.seen->hop->interface, probe.frame);
    }
    wire_.listen(
        kBetween, [this](InterfaceIndex, const Heard& heard) { hear(heard); },
        [] { return false; });
    if (!missing() || Clock::now() - begin >= wanted_.patience) break;
  }
  for (const Probe& probe : probes_) {
    if (!probe.reset.empty()) wire_.send(probe.seen->hop->interface, probe.reset);
  }
  probes_.clear();
}

void Probes::examine(std::span<DestinationEvidence> destinations) {
  for (DestinationEvidence& seen : destinations) add_all(seen);
  run();
  for (DestinationEvidence& seen : destinations) {
    const bool tunnel = std::holds_alternative<Tunnel>(seen.destination.method);
    if (!tunnel || !seen.path.silent()) continue;
    const IpAddress& server = seen.destination.endpoint.address;
    add(seen, &DestinationEvidence::inner_real, source_for(seen, server.is_v4()), server,
        Wrapping::tunnel);
  }
  run();
}

}  // namespace lvsd::doctor
