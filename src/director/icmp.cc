// SPDX-License-Identifier: GPL-2.0-or-later
// ICMP errors about packets of ours, in both directions and about tunnels (reference 1.10 to 1.12).
// They touch neither the state nor the timer of a connection.
#include <algorithm>

#include "lvsd/forward/rewrite.h"
#include "lvsd/net/tunnel_packet.h"
#include "sctp.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr Duration kPathMtuLifetime = std::chrono::minutes(10);  // net.ipv4.route.mtu_expires
// net.ipv4.route.min_pmtu, and RFC 8200 section 5: who claims less is lying or of no use, and must
// not choke the tunnel.
constexpr std::uint32_t kSmallestPathMtu = 552, kSmallestPathMtuV6 = 1280;

Tuple reversed(const Tuple& tuple) {
  return {tuple.destination, tuple.source, tuple.destination_port, tuple.source_port,
          tuple.protocol};
}

bool is(const QuotedPacket& quoted, IpProtocol protocol) {
  return quoted.tuple.protocol == static_cast<std::uint8_t>(protocol);
}

// Whether a packet with this header may be one of that tunnel, but for the address.
bool is_of(const QuotedPacket& outer, const Tunnel& tunnel) {
  switch (tunnel.encapsulation) {
    case Encapsulation::ipip:
      return is(outer, IpProtocol::ipip) || is(outer, IpProtocol::ipv6);
    case Encapsulation::gue:
      return is(outer, IpProtocol::udp) && outer.tuple.destination_port == tunnel.port;
    case Encapsulation::gre:
      return is(outer, IpProtocol::gre);
  }
  return false;
}

}  // namespace

Verdict Director::State::handle_icmp_error(const Passage& passage) {
  if (!passage.view.quoted) return accept(AcceptReason::not_ours);
  const QuotedPacket& quoted = *passage.view.quoted;
  if (const auto verdict = tunnel_error(passage)) return *verdict;
  if (!quoted.has_ports && !follows_key_exchange(quoted.tuple)) {
    const bool tunnel = is_of(quoted, {Encapsulation::ipip}) || is_of(quoted, {Encapsulation::gre});
    return accept(tunnel ? AcceptReason::no_connection : AcceptReason::not_ours);
  }
  // A client or a router near it quotes our V -> C; a real server or a router near it C -> D.
  const Tuple tuple = connection_tuple(reversed(quoted.tuple));
  if (const auto id = find_request(tuple, passage.now)) {
    return icmp_to_server(passage, connections[*id]);
  }
  if (const auto id = find_reply(tuple, passage.now)) return icmp_to_client(passage, *id);
  if (ipvs.schedule_icmp && quoted.has_ports) return schedule_icmp(passage, tuple);
  return accept(AcceptReason::no_connection);
}

// The option schedule_icmp: an error about a packet of a connection that another director made,
// say.
Verdict Director::State::schedule_icmp(const Passage& passage, const Tuple& tuple) {
  Service* const service = find_service(tuple, passage.packet.mark());
  if (decision != nullptr) {
    note_service(passage, tuple, service, tuple.source_port != kFtpData);
  }
  if (service == nullptr || tuple.source_port == kFtpData) {
    return accept(AcceptReason::no_connection);
  }
  const auto id = open(passage, tuple, *service, {});
  return id ? icmp_to_server(passage, connections[*id]) : id.error();
}

Verdict Director::State::icmp_to_server(const Passage& passage, Connection& connection) {
  // A rewrite would make a wrong checksum right, so only NAT has to look (observed in the kernel:
  // dr and tun pass a damaged error on as it is).
  if (connection.is_masquerade() && !icmp_checksum_ok(passage.packet.bytes(), passage.view)) {
    return drop(DropReason::bad_icmp_checksum);
  }
  limit_segment(connection, Direction::reply, passage.view);
  count_in(connection, passage.view.total_length);
  return to_server(passage, connection, {connection.destination, Direction::request, false, true});
}

Verdict Director::State::icmp_to_client(const Passage& passage, ConnectionId id) {
  const Connection& connection = connections[id];
  if (!connection.is_masquerade()) {
    count_out(connection, passage.view.total_length);
    return accept(AcceptReason::reply);
  }
  if (!icmp_checksum_ok(passage.packet.bytes(), passage.view)) {
    return drop(DropReason::bad_icmp_checksum);
  }
  limit_segment(connections[id], Direction::request, passage.view);
  const Verdict verdict =
      to_client(passage, connection, {connection.destination, Direction::reply, false, true});
  if (!std::holds_alternative<Drop>(verdict)) count_out(connection, passage.view.total_length);
  return verdict;
}

// An error that a router sent us about a packet of our tunnel. What the client has to know is told
// in a new error about its own packet; the original has done its work. Nothing: not about our
// tunnels, or to be learned from only. As in the kernel that is all where either packet is IPv6;
// the client hears of the path's MTU with its next packet.
std::optional<Verdict> Director::State::tunnel_error(const Passage& passage) {
  const PacketView& view = passage.view;
  const QuotedPacket& outer = *view.quoted;
  if (outer.fragment_offset != 0 || !egress.network().is_local(view.tuple.destination) ||
      !egress.network().is_local(outer.tuple.source)) {
    return std::nullopt;
  }
  const auto bytes = passage.packet.bytes().first(view.total_length);
  const auto inner = parse_inside(bytes, outer);
  const bool v4 = !view.v6 && inner && !inner->v6;
  const auto id = v4 && inner->has_ports ? find_request(inner->tuple, passage.now) : std::nullopt;
  const auto is_tunnel_of_ours = [&] {
    if (connections[*id].method() != Connection::kTunnel) return false;
    const Destination& config = destinations[connections[*id].destination].config;
    const Tunnel* const tunnel = std::get_if<Tunnel>(&config.method);
    return is_of(outer, tunnel != nullptr ? *tunnel : Tunnel{}) &&
           config.endpoint.address == outer.tuple.destination;
  };
  if (!id || !is_tunnel_of_ours()) {
    // Only 8 bytes may be quoted (RFC 792): no telling whose packet it was, but the path is known.
    if (view.is_too_big() && icmp_checksum_ok(bytes, view)) {
      share_path_mtu(outer, view.icmp_mtu, passage.now);
    }
    return std::nullopt;
  }
  if (!icmp_checksum_ok(bytes, view)) return drop(DropReason::bad_icmp_checksum);

  IcmpError error{.type = view.icmp_type, .code = view.icmp_code, .mtu = 0};
  if (view.is_too_big()) {
    share_path_mtu(outer, view.icmp_mtu, passage.now);
    if (!inner->dont_fragment) return drop(DropReason::icmp_consumed);
    const std::uint32_t learned = destinations.path(connections[*id].destination).mtu;
    const std::uint32_t mtu = learned == 0 ? view.icmp_mtu : learned;  // reference 1.10
    error.mtu = mtu > 88 ? mtu - 20 : mtu;
  }
  originate_about(passage, error, inner->tuple.destination, inner->tuple.source,
                  bytes.subspan(inner->offset));
  count_out(connections[*id], view.total_length);
  return drop(DropReason::icmp_consumed);
}

void Director::State::share_path_mtu(const QuotedPacket& outer, std::uint32_t mtu, TimePoint now) {
  if (learn_path_mtu(outer, mtu, now) && has_peers) lessons.push_back({outer, mtu});
}

// Whether there is any news in it, or it was about to be forgotten.
bool Director::State::learn_path_mtu(const QuotedPacket& outer, std::uint32_t mtu, TimePoint now) {
  mtu = std::max(mtu, outer.v6 ? kSmallestPathMtuV6 : kSmallestPathMtu);
  ServerPath* const path = destinations.find_path(outer.tuple.destination);
  if (path == nullptr) return false;
  const bool known_tunnel = std::any_of(
      path->tunnels.begin(), path->tunnels.end(), [&outer](const ServerPath::Kind& kind) {
        return is_of(outer, {.encapsulation = kind.encapsulation, .port = kind.port});
      });
  if (!known_tunnel) return false;
  const bool current = path->mtu != 0 && path->mtu_until > now;
  const std::uint32_t next = current ? std::min<std::uint32_t>(path->mtu, mtu) : mtu;
  const bool news = next != path->mtu || path->mtu_until - now < kPathMtuLifetime / 2;
  path->mtu = next;
  path->mtu_until = now + kPathMtuLifetime;
  return news;
}

}  // namespace lvsd
