// SPDX-License-Identifier: GPL-2.0-or-later
// The way out: route, TTL, size, then what the method changes (reference section 6.1).
#include <algorithm>
#include <array>

#include "lvsd/forward/encapsulate.h"
#include "lvsd/forward/rewrite.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr std::size_t kSmallestMtu = 68, kLargestPacket = 65535;  // RFC 791
constexpr std::size_t kSmallestMtuV6 = 1280;                      // RFC 8200 section 5

const IcmpError kTimeExceeded{.type = icmp::kTimeExceeded, .code = icmp::kTtlExceeded};
const IcmpError kHostUnreachable{.type = icmp::kDestinationUnreachable,
                                 .code = icmp::kHostUnreachable};

const Tunnel kPlainTunnel{};

const Tunnel* tunnel_of(const Connection& connection, const ForwardingMethod& configured) {
  if (connection.method() != Connection::kTunnel) return nullptr;
  const Tunnel* const tunnel = std::get_if<Tunnel>(&configured);
  return tunnel != nullptr ? tunnel : &kPlainTunnel;
}

// An answer to the director's own address goes on to the real server that asked. Apart, so that
// other answers pay nothing for it.
[[gnu::noinline]] void rewrite_hairpin(const Passage& passage, const Connection& connection,
                                       bool icmp) {
  const Endpoint to{connection.client, connection.client_port};
  if (icmp) {
    rewrite_icmp_request(passage.packet.bytes(), passage.view, to);
  } else {
    rewrite_destination(passage.packet.bytes(), passage.view, to);
  }
}

}  // namespace

ForwardingMethod method_of(const Connection& connection, const ForwardingMethod& configured) {
  if (const Tunnel* const tunnel = tunnel_of(connection, configured)) return *tunnel;
  if (connection.method() == Connection::kDirectRouting) return DirectRouting{};
  return Masquerade{};
}

Verdict Director::State::to_server(const Passage& passage, const Connection& connection,
                                   const Context& context) {
  if (connection.destination == kNoDestination) return to_original(passage, connection);
  const Destination& config = destinations[context.destination].config;
  return to_address(passage, connection, config.endpoint.address,
                    tunnel_of(connection, config.method), context);
}

Verdict Director::State::to_address(const Passage& passage, const Connection& connection,
                                    const IpAddress& server, const Tunnel* tunnel,
                                    const Context& context) {
  const IpAddress& virtual_address = passage.view.tuple.destination;
  const bool masquerade = connection.is_masquerade();
  if (masquerade && no_whole_checksum(passage.view, connection)) {
    return drop(DropReason::sctp_fragment);
  }
  const ResolvedRoute& route = egress.route(server);  // originate() may take its place
  if (decision != nullptr) [[unlikely]]
    note_way(passage, connection, context, route);
  if (route.is_local()) return to_local_server(passage, connection, server, context);
  const bool server_v6 = !server.is_v4();
  if (!route.usable() || (tunnel == nullptr && server_v6 != passage.view.v6)) {
    originate(passage, kHostUnreachable, virtual_address);
    return drop(DropReason::no_route);
  }
  if (passage.view.ttl <= 1) {
    originate(passage, kTimeExceeded, virtual_address);
    return drop(DropReason::ttl_exceeded);
  }
  if (has_ip_options(passage.view)) fill_options_of(passage, virtual_address, virtual_address);
  decrement_ttl(passage.packet.bytes(), passage.view);

  const std::size_t link_mtu = path_mtu(context.destination, route, passage.now);
  if (tunnel != nullptr) {
    return into_tunnel(passage, connection, *tunnel, server, route, link_mtu, context);
  }
  if (link_mtu < kSmallestMtu) return drop(DropReason::mtu_too_small);
  if (!passage.packet.offload().aggregated && is_refused(passage, link_mtu, context)) {
    return refuse_oversize(passage, link_mtu, virtual_address);
  }
  if (!masquerade) {
    if (!route.has_mac) return drop(DropReason::no_link_address);
    return send(passage, connection, route, link_mtu, context);
  }
  const Endpoint to{server, connection.destination_port};
  if (context.icmp) {
    rewrite_icmp_request(passage.packet.bytes(), passage.view, to);
  } else {
    rewrite_destination(passage.packet.bytes(), passage.view, to);
  }
  if (connection.hairpin != 0) [[unlikely]] {
    const Endpoint as = hairpins.source(connection.hairpin);
    if (context.icmp) {
      rewrite_icmp_reply(passage.packet.bytes(), passage.view, as);
    } else {
      rewrite_source(passage.packet.bytes(), passage.view, as);
    }
  }
  return send(passage, connection, route, link_mtu, context);
}

Verdict Director::State::into_tunnel(const Passage& passage, const Connection& connection,
                                     const Tunnel& tunnel, const IpAddress& server,
                                     const ResolvedRoute& route, std::size_t link_mtu,
                                     const Context& context) {
  const PacketView& view = passage.view;
  const bool outer_v6 = !server.is_v4();
  const std::size_t overhead = tunnel_overhead(tunnel, outer_v6);
  const std::size_t room = link_mtu > overhead ? link_mtu - overhead : 0;
  // A link below the minimum carries nothing, as in the kernel. But anybody can send an error that
  // says so of a path: below the minimum the outer packets are cut instead, those of segments are
  // made to fit.
  const std::size_t mtu =
      outer_v6 && link_mtu < route.hop.mtu ? std::max(room, kSmallestMtuV6) : room;
  if (mtu < (outer_v6 ? kSmallestMtuV6 : kSmallestMtu)) return drop(DropReason::mtu_too_small);
  const bool segmented = passage.packet.offload().aggregated ||
                         (view.total_length > room && becomes_segments(passage, context));
  if (!segmented && view.total_length + overhead > kLargestPacket) {
    return drop(DropReason::fragmentation_needed);  // no IP header can say that length
  }
  const bool cut_anyway = !view.v6 && oversize_of(context) == Oversize::fragment;
  if (!cut_anyway && !segmented && is_refused(passage, mtu, context)) {
    return refuse_oversize(passage, mtu, view.tuple.destination);
  }
  OuterHeader outer{route.hop.source, server};
  if (outer.source.is_unspecified()) return drop(DropReason::no_route);
  if (tunnel.encapsulation == Encapsulation::gue) outer.source_port = gue_port(connection);
  outer.dont_fragment = view.dont_fragment && !view.v6 && !cut_anyway;
  if (segmented) return send_segments(passage, connection, tunnel, outer, route, room, context);
  outer.id = next_id++;
  finish(passage);
  if (!encapsulate(passage.packet, view, tunnel, outer)) return drop(DropReason::no_headroom);
  return send(passage, connection, route, link_mtu, context);
}

// A real server that is a process on this host (reference 1.14): NAT changes the packet, the other
// methods leave it as it is, and neither counts the TTL down.
Verdict Director::State::to_local_server(const Passage& passage, const Connection& connection,
                                         const IpAddress& server, const Context& context) {
  if (!connection.is_masquerade()) return accept(AcceptReason::local_node);
  if (server.is_v4() == passage.view.v6) return drop(DropReason::no_route);
  // From the network, the kernel takes nothing that is addressed to loopback.
  if (server.is_loopback()) return drop(DropReason::local_masquerade);
  const Endpoint to{server, connection.destination_port};
  finish(passage);
  if (context.icmp) {
    rewrite_icmp_request(passage.packet.bytes(), passage.view, to);
  } else {
    rewrite_destination(passage.packet.bytes(), passage.view, to);
  }
  return accept(AcceptReason::local_node, true);
}

// NAT replies are what the kernel's forwarding carries: TTL and size are judged on the packet as
// the real server sent it, and refusals go to the real server from our address on its side.
Verdict Director::State::to_client(const Passage& passage, const Connection& connection,
                                   const Context& context) {
  const Endpoint as{connection.virtual_address, connection.virtual_port};
  const auto rewrite = [&] {
    if (context.icmp) {
      rewrite_icmp_reply(passage.packet.bytes(), passage.view, as);
    } else {
      rewrite_source(passage.packet.bytes(), passage.view, as);
    }
    if (connection.hairpin != 0) [[unlikely]]
      rewrite_hairpin(passage, connection, context.icmp);
  };
  if (no_whole_checksum(passage.view, connection)) return drop(DropReason::sctp_fragment);
  const IpAddress from = ipvs.snat_reroute ? as.address : passage.view.tuple.source;
  const auto own = [&] { return egress.route(passage.view.tuple.source).hop.source; };
  const IpAddress stamp = has_ip_options(passage.view) ? own() : IpAddress();
  const IpAddress& client =
      connection.hairpin == 0 ? passage.view.tuple.destination : connection.client;
  const ResolvedRoute& route = egress.route(client, from);
  if (decision != nullptr) [[unlikely]]
    note_way(passage, connection, context, route);
  if (route.is_local()) {
    finish(passage);
    rewrite();
    return accept(AcceptReason::reply, true);
  }
  if (!route.usable()) return drop(DropReason::no_route);
  if (passage.view.ttl <= 1) {
    originate(passage, kTimeExceeded, own());
    return drop(DropReason::ttl_exceeded);
  }
  const std::size_t mtu = route.hop.mtu;
  if (!passage.packet.offload().aggregated && is_refused(passage, mtu, context)) {
    return refuse_oversize(passage, mtu, own());
  }
  if (has_ip_options(passage.view)) {
    const bool is_ours = egress.network().is_local(as.address);
    fill_options_of(passage, is_ours ? as.address : route.hop.source, stamp);
  }
  decrement_ttl(passage.packet.bytes(), passage.view);
  rewrite();
  return send(passage, connection, route, mtu, context);
}

// An error is never answered; in IPv4 it is cut, DF or not, in IPv6 nobody cuts but the sender. Who
// did must not be told to: it would be refused for ever.
bool Director::State::is_refused(const Passage& passage, std::size_t mtu,
                                 const Context& context) const {
  const PacketView& view = passage.view;
  if (view.total_length <= mtu || !view.dont_fragment) return false;
  return view.v6 ? !was_reassembled(passage) : !context.icmp;
}

// An IPv6 packet that the link it came by cannot have carried: the kernel put it together, as it
// does where anything uses conntrack. It does not tell how large the largest fragment was, which
// IPVS goes by (reference 6.2); so one that its link could have carried whole is taken to be that.
bool Director::State::was_reassembled(const Passage& passage) const {
  const PacketView& view = passage.view;
  if (view.is_later_fragment() || view.more_fragments) return false;
  const Interface* const link = egress.network().interface(passage.packet.arrival());
  return link != nullptr && view.total_length > link->mtu;
}

Verdict Director::State::refuse_oversize(const Passage& passage, std::size_t mtu,
                                         const IpAddress& from) {
  originate(passage,
            {.type = icmp::kDestinationUnreachable,
             .code = icmp::kFragmentationNeeded,
             .mtu = static_cast<std::uint32_t>(mtu)},
            from);
  return drop(DropReason::fragmentation_needed);
}

// Oversize::fragment is pmtu_disc=0 of the kernel.
Oversize Director::State::oversize_of(const Context& context) const {
  if (context.probe != nullptr) return Oversize::split;
  const Service* const service = destinations.service_of(context.destination);
  return service != nullptr ? service->oversize : Oversize::icmp;
}

Port Director::State::gue_port(const Connection& connection) const {
  const Tuple flow{connection.client, connection.virtual_address, connection.client_port,
                   connection.virtual_port, connection.protocol};
  std::array<std::byte, 36> bytes{};
  store(bytes, flow.source);
  store(bytes, flow.destination, 16);
  store(bytes, flow.source_port.wire(), 32);
  store(bytes, flow.destination_port.wire(), 34);
  return gue_source_port(siphash13(tunnel_seed, bytes));
}

Verdict Director::State::send(const Passage& passage, const Connection& connection,
                              const ResolvedRoute& route, std::size_t mtu, const Context& context) {
  const Offload offload = passage.packet.offload();
  if (offload.unfinished_checksum || offload.aggregated) {
    return send_unfinished(passage, connection, route, mtu, context);
  }
  return settle(egress.send(passage.packet.bytes(), route, mtu, patience_of(context), passage.now,
                            passage.out),
                context);
}

Verdict Director::State::settle(Egress::Outcome outcome, const Context& context) {
  std::uint64_t* const own = context.probe != nullptr ? &counters.probes
                             : context.own            ? &counters.originated
                                                      : nullptr;
  switch (outcome) {
    case Egress::Outcome::emitted:
      ++(own != nullptr ? *own : counters.forwarded);
      return Forwarded{context.destination, context.direction, context.fresh};
    case Egress::Outcome::held:
      ++(own != nullptr ? *own : counters.held);
      return Held{context.destination, context.direction, context.fresh};
    case Egress::Outcome::queue_full:
      return drop(DropReason::neighbor_queue_full);
    case Egress::Outcome::link_down:
      return drop(DropReason::link_down);
    case Egress::Outcome::no_route:
      return drop(DropReason::no_route);
  }
  return drop(DropReason::no_route);
}

std::size_t Director::State::learned_mtu(ServerPath& path, const ResolvedRoute& route,
                                         TimePoint now) {
  if (path.mtu_until <= now) path.mtu = 0;
  return path.mtu == 0 ? route.hop.mtu : std::min(path.mtu, route.hop.mtu);
}

void Director::State::originate(const Passage& passage, const IcmpError& error,
                                const IpAddress& from) {
  if (!may_answer(passage.view)) return;
  originate_about(passage, error, from, passage.view.tuple.source, passage.packet.bytes());
}

void Director::State::originate_about(const Passage& passage, const IcmpError& error,
                                      const IpAddress& from, const IpAddress& to,
                                      std::span<const std::byte> quoted) {
  const bool allowed = icmp_budget.take(passage.now);
  const ResolvedRoute route = egress.route(to);
  // In a family that we have no address of, nothing can be said.
  const bool possible = route.usable() && !route.is_local() && from.is_v4() == to.is_v4();
  if (decision != nullptr) note_error(error, from, to, allowed && possible);
  if (!allowed || !possible) return;
  const auto message = make_icmp_error(passage.out, error, from, to, quoted, next_id++);
  const auto outcome =
      egress.send(message, route, route.hop.mtu, Egress::Patience::own, passage.now, passage.out);
  if (outcome == Egress::Outcome::emitted || outcome == Egress::Outcome::held) {
    ++counters.originated;
  }
}

Verdict Director::State::drop(DropReason reason) {
  ++counters.dropped[static_cast<std::size_t>(reason)];
  return Drop{reason};
}

Verdict Director::State::accept(AcceptReason reason, bool changed) {
  ++counters.accepted[static_cast<std::size_t>(reason)];
  return Accept{reason, changed};
}

bool IcmpBudget::take(TimePoint now) {
  const double passed = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  tokens_ = std::min(kBurst, tokens_ + passed * kPerSecond);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace lvsd
