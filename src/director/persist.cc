// SPDX-License-Identifier: GPL-2.0-or-later
// Persistence: which template a packet belongs to, and what it remembers (reference section 5).
#include "sip.h"
#include "state.h"

namespace lvsd {
namespace {

constexpr Port kInvalid{std::uint16_t{0xffff}};

// The mark takes the place of a virtual address (reference 5.2).
IpAddress address_of_mark(std::uint32_t mark, bool v4) {
  const Ipv4Address::Bytes bytes = Ipv4Address(Be32(mark)).bytes();
  if (v4) return Ipv4Address(bytes);
  IpAddress::Bytes all{};
  std::copy(bytes.begin(), bytes.end(), all.begin());
  return IpAddress(all);
}

std::string_view payload_of(const Passage& passage) {
  const auto payload = passage.packet.bytes().first(passage.view.total_length);
  const auto text = payload.subspan(passage.view.payload_offset);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace

Result<Director::State::Placement, Verdict> Director::State::place(const Passage& passage,
                                                                   const Tuple& tuple,
                                                                   Service& service) {
  std::string_view data;
  if (service.persistence->engine == PersistenceEngine::sip) {
    const auto call_id =
        passage.view.is(IpProtocol::udp) ? sip_call_id(payload_of(passage)) : std::nullopt;
    if (!call_id) return Unexpected<Verdict>{drop(DropReason::no_call_id)};
    data = *call_id;
  }
  const Connection like = template_like(tuple, service);
  std::optional<ConnectionId> memory = find_valid_template(like, data, passage.now);
  if (decision != nullptr) {
    decision->persistence = Persisted{*service.persistence, {}};
    if (memory) {
      decision->persistence->remembered =
          destinations[connections[*memory].destination].config.endpoint;
    }
  }
  if (memory) {
    restart(*memory, passage.now);
    return Placement{connections[*memory].destination, memory};
  }
  const auto choice = choose(service, tuple, passage.now);
  if (!choice) return Unexpected<Verdict>{leave(passage, service)};
  memory = create_template(like, data, service, *choice, passage.now);
  if (!memory) return Unexpected<Verdict>{drop(DropReason::connection_table_full)};
  return Placement{*choice, memory};
}

// The keys of reference 5.2, and the port that the template shows as its destination's.
Connection Director::State::template_like(const Tuple& tuple, const Service& service) {
  Connection like;
  like.client = masked(tuple.source, service.persistence->netmask);
  like.protocol = tuple.protocol;
  like.virtual_address = tuple.destination;
  if (service.key.is_by_mark()) {
    like.protocol = 0;
    like.virtual_address = address_of_mark(service.key.mark, tuple.destination.is_v4());
  } else if (tuple.destination_port == service.key.listen.port && tuple.destination_port != kFtp) {
    like.virtual_port = tuple.destination_port;
  }
  return like;
}

std::optional<ConnectionId> Director::State::find_valid_template(const Connection& like,
                                                                 std::string_view data,
                                                                 TimePoint now) {
  auto found =
      data.empty() ? connections.find_template(like, now) : engine_templates.find(like, data);
  if (found && !connections[*found].is_alive(now)) found = std::nullopt;
  if (!found) return std::nullopt;
  const DestinationState& destination = destinations[connections[*found].destination];
  const bool quiescent = ipvs.expire_quiescent_template && destination.config.weight.value() == 0;
  if (destination.keeps_clients() && !quiescent) return found;
  invalidate(*found);
  return std::nullopt;
}

// Never found again, but there until its timer ends and its connections are gone.
void Director::State::invalidate(ConnectionId memory) {
  connections[memory].virtual_port = connections[memory].destination_port = kInvalid;
  engine_templates.erase(memory);
}

std::optional<ConnectionId> Director::State::create_template(Connection like, std::string_view data,
                                                             const Service& service,
                                                             DestinationId id, TimePoint now) {
  const Connection made = make_connection({}, id, Port());
  like.destination = id;
  like.flags = made.flags | Connection::kTemplate;
  if (like.virtual_port != Port()) like.destination_port = destinations[id].config.endpoint.port;
  if (!data.empty()) like.flags |= Connection::kHasEngineData;
  like.expires = now + service.persistence->timeout;
  const auto memory = insert(like, {}, now);
  if (!memory) return std::nullopt;
  restart(*memory, service.persistence->timeout, now);
  if (!data.empty()) engine_templates.add(*memory, like, data);
  return memory;
}

// A NAT server of a service with the SIP engine opens a connection of its own: it leaves as if the
// service had placed it there (reference 5.5). Nothing where this is no such packet.
std::optional<Verdict> Director::State::originated_by_server(const Passage& passage) {
  const Tuple& tuple = passage.view.tuple;
  if (sip_services == 0 || !passage.view.is(IpProtocol::udp)) return std::nullopt;
  const auto id = destinations.find_nat(tuple.protocol, {tuple.source, tuple.source_port});
  if (!id) return std::nullopt;
  Service* const service = destinations.extra(*id).service;
  if (service == nullptr || !service->persistence || service->key.listen.port == Port() ||
      service->persistence->engine != PersistenceEngine::sip) {
    return std::nullopt;
  }
  const auto call_id = sip_call_id(payload_of(passage));
  if (!call_id) return std::nullopt;

  // As a packet of the client's would look like.
  const Tuple mirrored{tuple.destination, service->key.listen.address, tuple.destination_port,
                       service->key.listen.port, tuple.protocol};
  const Connection like = template_like(mirrored, *service);
  std::optional<ConnectionId> memory = find_valid_template(like, *call_id, passage.now);
  if (memory && connections[*memory].destination != *id) {
    invalidate(*memory);
    memory = std::nullopt;
  }
  if (memory) {
    restart(*memory, passage.now);
  } else {
    memory = create_template(like, *call_id, *service, *id, passage.now);
  }
  if (!memory) return drop(DropReason::connection_table_full);

  Connection connection = make_connection(mirrored, *id, tuple.source_port);
  if (service->one_packet) {
    count_connection(service, *id);
    connection.flags |= Connection::kOnePacket;
    connections[*memory].state = Connection::kAssured;
    const Verdict verdict = to_client(passage, connection, {*id, Direction::reply, true, false});
    if (!std::holds_alternative<Drop>(verdict)) count_out(connection, passage.view.total_length);
    return verdict;
  }
  connection.expires = passage.now + timeouts_of(connection).udp;
  const auto made = insert(connection, memory, passage.now);
  if (!made) return drop(DropReason::connection_table_full);
  count_connection(service, *id);
  return known_reply(passage, *made);
}

}  // namespace lvsd
