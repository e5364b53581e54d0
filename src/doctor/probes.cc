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

constexpr std::chrono::milliseconds kAtLeast{800};  // for who may keep silent, and be right

bool is_tunnel(const DestinationEvidence& seen) {
  return std::holds_alternative<Tunnel>(seen.destination.method);
}
bool is_nat(const DestinationEvidence& seen) {
  return std::holds_alternative<Masquerade>(seen.destination.method);
}

}  // namespace

Probes::Probes(const Network& network, Wire& wire, const Examination& wanted)
    : network_(network), wire_(wire), wanted_(wanted), clients_(network, wanted) {
  // Two runs in a row do not meet each other's connections.
  const auto now = Clock::now().time_since_epoch();
  port_ = static_cast<std::uint32_t>(now / std::chrono::milliseconds(1)) % kPorts;
}

Port Probes::next_port() {
  port_ = (port_ + 1) % kPorts;
  return Port(static_cast<std::uint16_t>(kFirstProbePort + port_));
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

// Of a service that is no TCP, and for the parts of one that is asked at no port, an echo request
// is asked for.
void Probes::add(DestinationEvidence& seen, Answer DestinationEvidence::*answer,
                 const Packet& wanted) {
  const auto& [from, target, wrapping, sends, size] = wanted;
  if (from.is_unspecified() || from.is_v4() != target.is_v4()) return;
  if (sends == Sends::datagram && !seen.asks(ServiceProtocol::udp)) return;
  const bool connects = sends == Sends::connection && seen.asks_tcp();
  const Port mine = next_port(), port = seen.destination.endpoint.port;
  const std::size_t headers =
      (target.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + sizeof(TcpHeader);
  const Bytes packet = connects ? syn(from, mine, target, port, size > headers ? size - headers : 0)
                       : sends == Sends::datagram ? datagram(from, mine, target, port)
                                                  : echo(from, mine, target);
  Bytes frame = wrap(seen, wrapping, packet, size != 0);
  if (frame.empty()) return;
  if (answer != nullptr) (seen.*answer).reply = Reply::silence;
  probes_.push_back(
      {&seen, answer, mine, from, target, wrapping == Wrapping::tunnel, std::move(frame),
       connects ? wrap(seen, wrapping, reset(from, mine, target, port), false) : Bytes()});
}

// The kernel asks its reverse path filter before it answers ARP, and of the requests of a client
// whose answers go elsewhere this is all that a director ever sees.
void Probes::add_question(DestinationEvidence& seen) {
  const IpAddress& server = seen.destination.endpoint.address;
  const Interface* out = network_.interface(seen.hop->interface);
  if (!server.is_v4() || !seen.client.is_v4() || seen.client.is_unspecified()) return;
  if (out == nullptr || !out->mac || seen.hop->gateway != server) return;
  seen.client_arp.reply = Reply::silence;
  probes_.push_back({&seen,
                     &DestinationEvidence::client_arp,
                     {},
                     seen.client,
                     server,
                     false,
                     question_to(seen.macs.front(), *out->mac, seen.client, server),
                     {}});
}

// First of all, whether it answers at all. Nothing else is sent until that is known: a host sends
// few ICMP errors a second (icmp(7), icmp_ratelimit), and one of them may be the answer.
void Probes::add_first(DestinationEvidence& seen) {
  if (seen.local || !seen.hop || !seen.link_up || !seen.has_mac || seen.macs.empty()) return;
  const IpAddress& server = seen.destination.endpoint.address;
  const IpAddress own = clients_.own(seen, server.is_v4());
  add(seen, &DestinationEvidence::direct, {own, server});
  if (is_nat(seen)) {
    return add(seen, &DestinationEvidence::datagram,
               {own, server, Wrapping::none, Sends::datagram});
  }
  // Without an address to ask for, and where a router would have to know it, there is no more.
  const bool on_link = seen.hop->gateway == server;
  if (seen.virtual_service.key.is_by_mark() || (!is_tunnel(seen) && !on_link)) return;
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const IpAddress from = clients_.own(seen, vip.is_v4());
  add(seen, &DestinationEvidence::path, {from, vip, wrapping_of(seen)});
  add(seen, &DestinationEvidence::datagram, {from, vip, wrapping_of(seen), Sends::datagram});
}

void Probes::add_full_size(DestinationEvidence& seen) {
  if (!is_tunnel(seen) || !seen.asks_tcp()) return;
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const auto overhead = static_cast<std::uint32_t>(tunnel_overhead(
      std::get<Tunnel>(seen.destination.method), !seen.destination.endpoint.address.is_v4()));
  seen.full_bytes = std::min(seen.hop->mtu, kUsualMtu + overhead);
  add(seen, &DestinationEvidence::full_size,
      {clients_.own(seen, vip.is_v4()), vip, Wrapping::tunnel, Sends::connection,
       seen.full_bytes - overhead});
}

// A way back may be chosen by protocol and port: where both are known, they are asked with, and an
// echo request tells only where the answer to it does come.
void Probes::add_nat(DestinationEvidence& seen) {
  const IpAddress& server = seen.destination.endpoint.address;
  const bool udp = seen.asks(ServiceProtocol::udp);
  const Sends sends = udp ? Sends::datagram : Sends::connection;
  const auto packet = [&server](const IpAddress& client, Sends what) {
    return Packet{client, server, Wrapping::none, what};
  };
  seen.client = clients_.behind_director(seen);
  if (udp || seen.asks_tcp()) {
    add(seen, &DestinationEvidence::returned, packet(seen.client, sends));
    add(seen, &DestinationEvidence::returned_on_link, packet(seen.neighbour, sends));
  }
  if (!seen.asks_tcp()) {
    add(seen, &DestinationEvidence::returned_echo, packet(seen.client, Sends::echo));
  }
}

void Probes::add_by_vip(DestinationEvidence& seen) {
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  add_full_size(seen);
  clients_.choose_for_direct_answers(seen);
  add(seen, &DestinationEvidence::returned, {seen.client, vip, wrapping_of(seen)});
  add_question(seen);
  // Its answer to an address that it does not know yet makes it ask ARP, in some name.
  if (vip.is_v4() && seen.hop->gateway == seen.destination.endpoint.address) {
    add(seen, nullptr, {seen.neighbour, vip, wrapping_of(seen)});
  }
}

// Of what was silent: is it the host, the address, or the port?
void Probes::add_second_thoughts(DestinationEvidence& seen) {
  const IpAddress& server = seen.destination.endpoint.address;
  const IpAddress& vip = seen.virtual_service.key.listen.address;
  const IpAddress own = clients_.own(seen, server.is_v4());
  if (is_tunnel(seen)) {
    add(seen, &DestinationEvidence::inner_real, {own, server, Wrapping::tunnel});
  }
  if (!seen.asks_tcp()) return;
  add(seen, &DestinationEvidence::echo_direct, {own, server, Wrapping::none, Sends::echo});
  if (is_nat(seen)) return;
  add(seen, &DestinationEvidence::echo_path,
      {clients_.own(seen, vip.is_v4()), vip, wrapping_of(seen), Sends::echo});
}

// Then, of who answers, where to; of who is silent, what is.
void Probes::add_then(DestinationEvidence& seen) {
  const Answer& asked = is_nat(seen) ? seen.direct : seen.path;
  if (asked.silent() && seen.datagram.reply != Reply::accepted) return add_second_thoughts(seen);
  if (asked.reply == Reply::not_asked || asked.reply == Reply::error) return;
  if (seen.datagram.reply == Reply::error && !is_nat(seen)) return;
  if (is_nat(seen) && asked.reply != Reply::refused) add_nat(seen);
  if (!is_nat(seen)) add_by_vip(seen);
}

bool Probes::answers(const Probe& probe, const Heard& heard) const {
  if (heard.kind == Heard::Kind::claim) {
    return probe.answer == &DestinationEvidence::client_arp && heard.address == probe.target &&
           heard.target == probe.source;
  }
  if (probe.answer == &DestinationEvidence::client_arp) return false;
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

void Probes::hear_question(DestinationEvidence& seen, const Heard& heard) const {
  if (std::find(seen.macs.begin(), seen.macs.end(), heard.mac) == seen.macs.end()) return;
  if (is_nat(seen)) {
    if (heard.address == seen.neighbour) seen.asked_for_neighbour = true;
  } else if (heard.sender == seen.virtual_service.key.listen.address) {
    seen.speaks_for_vip = heard.mac;
  }
}

void Probes::hear(const Heard& heard) {
  for (Probe& probe : probes_) {
    DestinationEvidence& seen = *probe.seen;
    if (heard.kind == Heard::Kind::question) {
      hear_question(seen, heard);
      continue;
    }
    if (probe.answer == nullptr || !answers(probe, heard)) continue;
    Answer& answer = seen.*probe.answer;
    if (answer.alive()) continue;
    if (heard.kind == Heard::Kind::error) {
      answer = {Reply::error, !heard.sender.is_v4(), heard.type,
                heard.code,   heard.sender,          heard.mtu};
    } else {
      const bool reset = (heard.tcp_flags & TcpHeader::kRst) != 0;
      answer.reply = reset ? Reply::refused : Reply::accepted;
    }
  }
}

// Not of those whose silence means little, or which others have answered for.
bool Probes::is_awaited(const Probe& probe) const {
  const DestinationEvidence& seen = *probe.seen;
  if (probe.answer == nullptr || !(seen.*probe.answer).silent()) return false;
  if (probe.answer == &DestinationEvidence::datagram) return false;
  if (probe.answer == &DestinationEvidence::returned_on_link) return !seen.asked_for_neighbour;
  if (probe.answer != &DestinationEvidence::returned) return true;
  return is_nat(seen) ? !seen.returned_echo.alive() : seen.client_is_near_vip;
}

// A probe that is answered is not sent again; who is silent is asked until patience ends. The least
// time is for what a server asks ARP before it answers.
void Probes::run() {
  const auto begin = Clock::now();
  const auto awaited = [this](const Probe& probe) { return is_awaited(probe); };
  const auto silent = [](const Probe& probe) {
    return probe.answer != nullptr && (probe.seen->*probe.answer).silent();
  };
  while (!probes_.empty()) {
    for (const Probe& probe : probes_) {
      if (probe.answer != nullptr && !silent(probe)) continue;
      wire_.send(probe.seen->hop->interface, probe.frame);
    }
    wire_.listen(
        kBetween, [this](InterfaceIndex, const Heard& heard) { hear(heard); },
        [] { return false; });
    const auto time = Clock::now() - begin;
    if (time >= wanted_.patience) break;
    if (std::any_of(probes_.begin(), probes_.end(), awaited)) continue;
    if (time >= kAtLeast || std::none_of(probes_.begin(), probes_.end(), silent)) break;
  }
  for (const Probe& probe : probes_) {
    if (!probe.reset.empty()) wire_.send(probe.seen->hop->interface, probe.reset);
  }
  probes_.clear();
}

void Probes::examine(std::span<DestinationEvidence> destinations) {
  for (DestinationEvidence& seen : destinations) add_first(seen);
  run();
  for (DestinationEvidence& seen : destinations) add_then(seen);
  run();
}

}  // namespace lvsd::doctor
