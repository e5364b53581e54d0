// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/director_fixture.h"

#include "lvsd/model/overloaded.h"

namespace lvsd::test {
namespace {

VirtualService service(ServiceProtocol protocol, std::uint16_t port, const ForwardingMethod& method,
                       const std::vector<Destination>& destinations, SchedulerKind scheduler) {
  VirtualService out;
  out.key = {protocol, endpoint("10.0.3.100", port)};
  out.name = to_string(out.key);
  out.scheduler = scheduler;
  out.destinations = destinations;
  for (Destination& destination : out.destinations) destination.method = method;
  return out;
}

Changes start_with(const std::vector<VirtualService>& services) {
  Changes changes;
  changes.added = services;
  return changes;
}

}  // namespace

Mac mac_of(std::string_view text) {
  const auto bytes = address(text).v4().bytes();
  const auto decimal_as_hex = static_cast<std::uint8_t>(bytes[3] / 10 * 16 + bytes[3] % 10);
  return Mac({0x02, 0, 0, 0, bytes[2], decimal_as_hex});
}

Network::Parts director_network() {
  Network::Parts parts;
  Interface client;
  client.index = InterfaceIndex{1};
  client.name = "cl";
  client.mac = mac_of("10.0.1.1");
  client.addresses = {{address("10.0.1.1"), 24}};
  Interface server;
  server.index = InterfaceIndex{2};
  server.name = "be";
  server.mac = mac_of("10.0.2.1");
  server.addresses = {{address("10.0.2.1"), 24}};
  parts.interfaces = {client, server};
  Route clients;
  clients.to = *Prefix::parse("10.1.0.0/16");
  clients.via = address("10.0.1.2");
  clients.interface = InterfaceIndex{1};
  parts.routes = {clients};
  for (const char* text : {"10.0.1.2", "10.0.2.2", "10.0.2.11", "10.0.2.12", "10.0.2.13"}) {
    const IpAddress neighbor = address(text);
    const InterfaceIndex interface { neighbor.v4().bytes()[2] };
    Neighbor entry;
    entry.address = neighbor;
    entry.interface = interface;
    entry.mac = mac_of(text);
    parts.neighbors.push_back(entry);
  }
  return parts;
}

VirtualService tcp_service(std::uint16_t port, const ForwardingMethod& method,
                           const std::vector<Destination>& destinations, SchedulerKind scheduler) {
  return service(ServiceProtocol::tcp, port, method, destinations, scheduler);
}

VirtualService udp_service(std::uint16_t port, const ForwardingMethod& method,
                           const std::vector<Destination>& destinations, SchedulerKind scheduler) {
  return service(ServiceProtocol::udp, port, method, destinations, scheduler);
}

VirtualService sctp_service(std::uint16_t port, const ForwardingMethod& method,
                            const std::vector<Destination>& destinations, SchedulerKind scheduler) {
  return service(ServiceProtocol::sctp, port, method, destinations, scheduler);
}

DirectorFixture::DirectorFixture(const std::vector<VirtualService>& services, Network::Parts parts,
                                 std::uint32_t connection_limit)
    : director({connection_limit, HashSeed{1, 2}},
               std::make_shared<const Network>(std::move(parts))) {
  apply(start_with(services));
}

Verdict DirectorFixture::handle(View packet, std::uint32_t mark, Offload offload) {
  OwnedPacket owned(packet);
  PacketBuffer buffer = owned.buffer();
  buffer.set_mark(mark);
  buffer.set_arrival(arrival);
  buffer.set_offload(offload);
  const Verdict verdict = director.handle(buffer, now, emissions_);
  changed.assign(buffer.bytes().begin(), buffer.bytes().end());
  collect();
  return verdict;
}

void DirectorFixture::set_network(Network::Parts parts) {
  director.update_network(std::make_shared<const Network>(std::move(parts)), now, emissions_);
  collect();
}

void DirectorFixture::apply(const Changes& changes) {
  director.apply(changes, now, emissions_);
  collect();
}

void DirectorFixture::pass(Duration time) {
  const TimePoint end = now + time;
  while (director.next_deadline() && *director.next_deadline() <= end) {
    director.expire(*director.next_deadline(), emissions_);
  }
  now = end;
  collect();
}

const DestinationSnapshot& DirectorFixture::destination(const ServiceKey& key,
                                                        std::string_view text) {
  snapshot_ = director.snapshot();
  for (const ServiceSnapshot& entry : snapshot_.services) {
    if (entry.key != key) continue;
    for (const DestinationSnapshot& candidate : entry.destinations) {
      if (candidate.config.endpoint.address == address(text)) return candidate;
    }
  }
  static const DestinationSnapshot kNone;
  return kNone;
}

void DirectorFixture::collect() {
  sent.clear();
  for (const Emission& emission : emissions_.list()) {
    if (emission.kind == EmissionKind::resolve) ++resolves;
    if (emission.kind == EmissionKind::refresh) ++refreshes;
    if (emission.packet.empty()) continue;
    Bytes whole(emission.head.begin(), emission.head.end());
    whole.insert(whole.end(), emission.packet.begin(), emission.packet.end());
    sent.push_back({emission.kind, emission.interface, emission.source, emission.destination,
                    std::move(whole), emission.unfinished});
  }
  emissions_.clear();
}

std::string describe(const Verdict& verdict) {
  return std::visit(
      Overloaded{[](const Accept& v) {
                   return "accept " + std::string(to_string(v.reason)) +
                          (v.changed ? " changed" : "");
                 },
                 [](const Drop& v) { return "drop " + std::string(to_string(v.reason)); },
                 [](const Forwarded&) { return std::string("forwarded"); },
                 [](const Held&) { return std::string("held"); }},
      verdict);
}

}  // namespace lvsd::test
