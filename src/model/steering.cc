// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/steering.h"

#include <algorithm>

#include "lvsd/model/hairpin.h"
#include "lvsd/net/fixed_header.h"
#include "lvsd/net/tunnel_packet.h"

namespace lvsd {
namespace {

std::uint32_t word_of(const IpAddress::Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24U | std::uint32_t{bytes[at + 1]} << 16U |
         std::uint32_t{bytes[at + 2]} << 8U | std::uint32_t{bytes[at + 3]};
}

// Whether nothing behind the header decides: ICMP quotes other addresses, and in IPv6 it may stand
// behind any header but these.
bool is_plain(const FixedHeader& header) {
  const auto is = [&header](IpProtocol protocol) {
    return header.protocol == static_cast<std::uint8_t>(protocol);
  };
  if (!header.v6) return !is(IpProtocol::icmp);
  return is(IpProtocol::tcp) || is(IpProtocol::udp) || is(IpProtocol::sctp);
}

Tuple reversed(const Tuple& tuple) {
  return {tuple.destination, tuple.source, tuple.destination_port, tuple.source_port,
          tuple.protocol};
}

}  // namespace

unsigned SteeringHash::worker_of(const IpAddress& client) const {
  const bool v4 = client.is_v4();
  if (used(v4) == 1) return 0;
  const IpAddress::Bytes bytes = masked(client, v4 ? prefix.v4 : prefix.v6).bytes();
  std::uint32_t hash = seed;
  for (std::size_t at = v4 ? 12 : 0; at < bytes.size(); at += 4) {
    hash = (hash ^ word_of(bytes, at)) * kFirstFactor;
  }
  hash ^= hash >> kFoldShift;
  hash *= kSecondFactor;
  return ((hash >> kHalf) * workers) >> kHalf;
}

Steering::Steering(const SteeringHash& hash, const Config& captured) : hash_(hash) {
  if (hash.workers == 1) return;
  for (const VirtualService& service : captured.services) add(service);
}

void Steering::add(const VirtualService& service) {
  const ServiceKey& key = service.key;
  if (service.hairpin) hairpin_addresses_.insert(*service.hairpin);
  if (key.is_by_mark()) {
    marks_.insert(key.mark);
  } else {
    virtual_addresses_.insert(key.listen.address);
    if (!key.is_any_port()) services_.insert(key);
  }
  if (service.probes.mark != 0) probed_.insert(key.listen.address);
  for (const Destination& destination : service.destinations) {
    const IpAddress& address = destination.endpoint.address;
    if (const auto* const tunnel = std::get_if<Tunnel>(&destination.method)) {
      std::vector<Port>& ports = tunnels_[address];
      if (tunnel->encapsulation == Encapsulation::gue) ports.push_back(tunnel->port);
    }
    if (!std::holds_alternative<Masquerade>(destination.method)) continue;
    nat_addresses_.insert(address);
    Endpoint source = destination.endpoint;
    if (source.port == Port()) source.port = key.listen.port;
    if (source.port != Port()) nat_sources_.insert({key.protocol, source});
  }
}

std::optional<unsigned> Steering::worker_of(std::span<const std::byte> packet,
                                            std::uint32_t mark) const {
  if (hash_.workers == 1) return 0;
  const auto header = fixed_header(packet);
  if (header && is_plain(*header) && !nat_addresses_.contains(header->source)) {
    const bool answer = is_probe_answer(header->source, header->destination);
    return hash_.worker_of(answer ? header->destination : header->source);
  }
  const auto view = parse_packet(packet);
  if (!view) return std::nullopt;
  if (view->is_icmp_error()) return worker_of_error(packet, *view, mark);
  // The fragments of a packet have to go by what all of them have.
  const bool whole = view->has_ports && !view->more_fragments;
  return worker_of_tuple(view->tuple, whole, mark);
}

unsigned Steering::worker_of_tuple(const Tuple& tuple, bool has_ports, std::uint32_t mark) const {
  if (has_ports && HairpinPorts::contains(tuple.destination_port) &&
      hairpin_addresses_.contains(tuple.destination) && nat_addresses_.contains(tuple.source)) {
    return HairpinPorts::worker_of(tuple.destination_port, hash_.used(tuple.source.is_v4()));
  }
  return hash_.worker_of(client_of(tuple, has_ports, mark));
}

// A virtual address sends nothing but answers: the director's own requests have it as their source,
// too, but go to another one.
bool Steering::is_probe_answer(const IpAddress& source, const IpAddress& destination) const {
  return !probed_.empty() && probed_.contains(source) && !virtual_addresses_.contains(destination);
}

// What a NAT server sends is a reply, unless it is a client itself.
const IpAddress& Steering::client_of(const Tuple& tuple, bool has_ports, std::uint32_t mark) const {
  if (is_probe_answer(tuple.source, tuple.destination)) return tuple.destination;
  if (!nat_addresses_.contains(tuple.source)) return tuple.source;
  const bool marked = mark != 0 && marks_.contains(mark);
  if (!marked && !virtual_addresses_.contains(tuple.destination)) return tuple.destination;
  if (!has_ports) return tuple.source;
  const ServiceProtocol protocol{tuple.protocol};
  if (services_.contains({protocol, {tuple.destination, tuple.destination_port}})) {
    return tuple.source;
  }
  // To a socket of the director's own that has a virtual address.
  if (nat_sources_.contains({protocol, {tuple.source, tuple.source_port}})) {
    return tuple.destination;
  }
  return tuple.source;
}

// The packet that it is about went the other way: of that connection it is.
std::optional<unsigned> Steering::worker_of_error(std::span<const std::byte> packet,
                                                  const PacketView& view,
                                                  std::uint32_t mark) const {
  if (!view.quoted) return std::nullopt;
  const QuotedPacket& quoted = *view.quoted;
  if (!is_tunnel(quoted)) return worker_of_tuple(reversed(quoted.tuple), quoted.has_ports, mark);
  const auto inner = parse_inside(packet.first(view.total_length), quoted);
  // A request, so that its source is the client. Where it is not quoted the error says something
  // about the path that concerns all workers.
  if (!inner) return std::nullopt;
  return hash_.worker_of(inner->tuple.source);
}

bool Steering::is_tunnel(const QuotedPacket& outer) const {
  if (outer.fragment_offset != 0) return false;
  const auto is = [&outer](IpProtocol protocol) {
    return outer.tuple.protocol == static_cast<std::uint8_t>(protocol);
  };
  const auto found = tunnels_.find(outer.tuple.destination);
  if (found == tunnels_.end()) return false;
  if (is(IpProtocol::ipip) || is(IpProtocol::ipv6) || is(IpProtocol::gre)) return true;
  return is(IpProtocol::udp) &&
         std::ranges::find(found->second, outer.tuple.destination_port) != found->second.end();
}

}  // namespace lvsd
