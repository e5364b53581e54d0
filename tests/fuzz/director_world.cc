// SPDX-License-Identifier: GPL-2.0-or-later
#include "director_world.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>

#include "lvsd/config/diff.h"
#include "lvsd/forward/rewrite.h"
#include "lvsd/model/overloaded.h"
#include "support/packet_diff.h"

namespace lvsd::test {
namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kIcmpV6 = 58, kFragment = 44;
constexpr std::uint32_t kConnectionLimit = 24;  // small, so that the table fills up

Bytes build(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp, View payload) {
  if (protocol == kTcp) return tcp_packet(ip, tcp, payload);
  return udp_packet(ip, {.source = tcp.source, .destination = tcp.destination}, payload);
}

std::uint64_t total(const Counters& counters) {
  const auto sum = [](const auto& array) {
    return std::accumulate(array.begin(), array.end(), std::uint64_t{0});
  };
  return sum(counters.accepted) + sum(counters.dropped) + counters.forwarded + counters.held;
}

}  // namespace

void broken(std::string_view promise, View packet) {
  std::fprintf(stderr, "broken promise: %.*s\n%s", static_cast<int>(promise.size()), promise.data(),
               hexdump(packet).c_str());
  std::abort();
}

std::uint8_t ByteSource::next8() {
  if (bytes_.empty()) return 0;
  const auto value = std::to_integer<std::uint8_t>(bytes_.front());
  bytes_ = bytes_.subspan(1);
  return value;
}

std::uint16_t ByteSource::next16() {
  const unsigned high = next8();
  return static_cast<std::uint16_t>(high << 8U | next8());
}

View ByteSource::next(std::size_t size) {
  const View out = bytes_.first(std::min(size, bytes_.size()));
  bytes_ = bytes_.subspan(out.size());
  return out;
}

Network::Parts world_network() {
  Network::Parts parts = director_network();
  parts.interfaces[0].addresses.push_back({address("fd00:1::1"), 64});
  parts.interfaces[1].addresses.push_back({address("fd00:2::1"), 64});
  parts.neighbors.push_back({address("fd00:1::2"), InterfaceIndex{1}, mac_of("10.0.1.2")});
  parts.neighbors.push_back({address("fd00:2::11"), InterfaceIndex{2}, mac_of("10.0.2.11")});
  return parts;
}

DirectorWorld::DirectorWorld()
    : director_({kConnectionLimit, HashSeed{1, 2}},
                std::make_shared<const Network>(world_network())) {
  ByteSource nothing{View()};
  reload(nothing);
}

void DirectorWorld::reload(ByteSource& in) {
  const Config next = some_config(in);
  director_.apply(diff(config_, next), now_, emissions_);
  emissions_.clear();
  config_ = next;
  bypasses_ = bypasses_ || config_.ipvs.cache_bypass;
  judge_counts();
}

namespace {

// What the device would send, but that super-packets stay whole.
std::vector<std::byte> finished(const Emission& emission) {
  std::vector<std::byte> whole(emission.head.begin(), emission.head.end());
  whole.insert(whole.end(), emission.packet.begin(), emission.packet.end());
  if (emission.unfinished.transport_offset == 0) return whole;
  const auto view = parse_packet(whole);
  if (!view || view->transport_offset != emission.unfinished.transport_offset) {
    broken("unfinished, but no packet", whole);
  }
  std::vector<std::byte> begun = whole;
  begin_tcp_checksum(begun, *view);
  if (begun != whole) broken("the checksum of an unfinished packet was not begun", whole);
  finish_tcp_checksum(whole, *view);
  return whole;
}

// What was made of right packets, for programs that know nothing of lvsd to judge: a classic pcap
// of IP packets in the file that the environment names.
void write_for_judges(View packet) {
  static std::FILE* const file = [] {
    const char* const name = std::getenv("LVSD_EMITTED");
    std::FILE* const out = name != nullptr ? std::fopen(name, "wb") : nullptr;
    constexpr std::array<std::uint32_t, 6> kHeader{0xa1b2c3d4, 2 | 4U << 16U, 0, 0, 262144, 101};
    if (out != nullptr) std::fwrite(kHeader.data(), sizeof kHeader, 1, out);
    return out;
  }();
  if (file == nullptr) return;
  const auto size = static_cast<std::uint32_t>(packet.size());
  const std::array<std::uint32_t, 4> record{0, 0, size, size};
  std::fwrite(record.data(), sizeof record, 1, file);
  std::fwrite(packet.data(), packet.size(), 1, file);
}

// Every third right TCP packet comes with an unfinished checksum, every sixth as a super-packet.
void offload(PacketBuffer& buffer, std::uint64_t number) {
  const auto view = parse_packet(std::as_const(buffer).bytes());
  if (number % 3 != 0 || !view || !view->is(IpProtocol::tcp) || !view->has_ports ||
      view->more_fragments || !wrong_with(buffer.bytes().first(view->total_length)).empty()) {
    return;
  }
  begin_tcp_checksum(buffer.bytes(), *view);
  const bool data = view->total_length - view->payload_offset > 1;
  buffer.set_offload({.unfinished_checksum = true, .aggregated = data && number % 6 == 0});
}

}  // namespace

void DirectorWorld::change_network(ByteSource& in) {
  Network::Parts parts = world_network();
  const unsigned how = in.next8();
  disturbed_ = how != 0;
  if ((how & 1U) != 0) parts.neighbors.clear();
  if ((how & 2U) != 0) parts.interfaces[1].mtu = 60 + in.next8() * 8U;
  if ((how & 4U) != 0) parts.interfaces[1].up = false;
  if ((how & 8U) != 0) parts.routes.clear();
  if ((how & 16U) != 0) parts.interfaces[1].mac.reset();
  if ((how & 32U) != 0) parts.interfaces[0].mtu = 60 + in.next8() * 8U;
  if ((how & 64U) != 0) parts.interfaces.pop_back();
  director_.update_network(std::make_shared<const Network>(std::move(parts)), now_, emissions_);
  for (const Emission& emission : emissions_.list()) {
    const std::vector<std::byte> whole = finished(emission);
    const std::string wrong = whole.empty() ? "" : wrong_with_header(whole);
    if (!wrong.empty()) broken("held packet: " + wrong, whole);
  }
  emissions_.clear();
}

void DirectorWorld::pass(Duration time) {
  run_until(now_ + time);
  now_ += time;
}

void DirectorWorld::run_until(TimePoint end) {
  TimePoint last{};
  for (int same = 0; director_.next_deadline() && *director_.next_deadline() <= end;) {
    const TimePoint deadline = *director_.next_deadline();
    same = deadline > last ? 0 : same + 1;
    if (same > 100) broken("a deadline is never met");
    last = deadline;
    director_.expire(deadline, emissions_);
  }
  director_.expire(end, emissions_);
  emissions_.clear();
}

void DirectorWorld::feed(View packet, std::uint32_t mark) { handle(packet, mark); }

Verdict DirectorWorld::handle(View packet, std::uint32_t mark) {
  const Counters before = director_.counters();
  OwnedPacket owned(packet);
  PacketBuffer buffer = owned.buffer();
  buffer.set_mark(mark);
  offload(buffer, ++packets_);
  const Verdict verdict = director_.handle(buffer, now_, emissions_);
  judge_counters(before, verdict, packet);
  judge_emissions(packet, verdict);
  emissions_.clear();
  if (const Accept* accepted = std::get_if<Accept>(&verdict)) {
    const View after = std::as_const(buffer).bytes();
    if (!accepted->changed && buffer.offload().unfinished_checksum == false &&
        !std::ranges::equal(after, packet.first(after.size()))) {
      broken("an accepted packet was changed", packet);
    }
    if (accepted->changed && !wrong_with_header(after).empty()) {
      broken("a packet was accepted with a broken header", after);
    }
  }
  return verdict;
}

// A first fragment may bring along others that were counted as held when they came.
void DirectorWorld::judge_counters(const Counters& before, const Verdict& verdict,
                                   View packet) const {
  const Counters& after = director_.counters();
  const Result<PacketView, Malformed> view = parse_packet(packet);
  const bool first_fragment = view && view->more_fragments && !view->is_later_fragment();
  const std::uint64_t more = total(after) - total(before);
  if (first_fragment ? more < 1 : more != 1) broken("a packet is not counted once");
  const auto index = [](auto reason) { return static_cast<std::size_t>(reason); };
  const std::uint64_t counted = std::visit(
      Overloaded{[&](const Accept& v) {
                   return after.accepted[index(v.reason)] - before.accepted[index(v.reason)];
                 },
                 [&](const Drop& v) {
                   return after.dropped[index(v.reason)] - before.dropped[index(v.reason)];
                 },
                 [&](const Forwarded&) { return after.forwarded - before.forwarded; },
                 [&](const Held&) { return after.held - before.held; }},
      verdict);
  if (first_fragment ? counted < 1 : counted != 1) broken("a packet is counted as something else");
}

void DirectorWorld::judge_emissions(View packet, const Verdict& verdict) {
  const Result<PacketView, Malformed> view = parse_packet(packet);
  const bool right = view && wrong_with(packet.first(view->total_length)).empty();
  sent_.clear();
  for (const Emission& emission : emissions_.list()) {
    const bool no_packet =
        emission.kind == EmissionKind::resolve || emission.kind == EmissionKind::refresh;
    if (no_packet != emission.packet.empty()) broken("emission without its packet");
    if (no_packet) continue;
    std::vector<std::byte> whole = finished(emission);
    const std::string wrong = right ? wrong_with(whole) : wrong_with_header(whole);
    if (!wrong.empty()) broken("emitted packet: " + wrong, whole);
    if (right) write_for_judges(whole);
    sent_.push_back(std::move(whole));
  }
  const bool forwarded = std::holds_alternative<Forwarded>(verdict);
  const bool dropped = std::holds_alternative<Drop>(verdict);
  if (forwarded && sent_.empty()) broken("forwarded, but nothing was sent", packet);
  if (!forwarded && !dropped && !sent_.empty()) broken("sent, but not forwarded", packet);
  if (dropped && !sent_.empty()) {
    const bool v6 = std::to_integer<unsigned>(sent_[0][0]) >> 4U == 6;
    const auto protocol = std::to_integer<std::uint8_t>(sent_[0][v6 ? 6 : 9]);
    const bool piece = v6 && protocol == kFragment;  // of an error, on a link below IPv6's minimum
    if (protocol != (v6 ? kIcmpV6 : kIcmp) && !piece) broken("dropped, but sent", packet);
  }
}

void DirectorWorld::feed_request(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp,
                                 View payload) {
  const Verdict verdict = handle(build(ip, protocol, tcp, payload));
  const Forwarded* forwarded = std::get_if<Forwarded>(&verdict);
  if (forwarded == nullptr || forwarded->direction != Direction::request) return;
  if (!disturbed_ && sent_.size() == 1) judge_request(ip, protocol, tcp, payload, *forwarded);
}

void DirectorWorld::judge_request(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp,
                                  View payload, const Forwarded& verdict) {
  const DestinationState* state = director_.destination(verdict.destination);
  if (state == nullptr) broken("forwarded to nobody");
  const Destination destination = state->config;
  IpFields expected = ip;
  --expected.ttl;
  View sent = sent_[0];
  const Result<PacketView, Malformed> view = parse_packet(sent);
  if (view && view->is(IpProtocol::ipip)) {
    if (view->tuple.destination != destination.endpoint.address) broken("tunnel to another", sent);
    sent = sent.subspan(view->transport_offset);
  }
  const bool masquerade = tcp.destination == 82;
  const std::string server = to_string(destination.endpoint.address);
  TcpFields expected_tcp = tcp;
  if (masquerade) {
    expected.destination = server;
    expected_tcp.destination = destination.endpoint.port.host();
  }
  const std::string difference =
      packet_diff(build(expected, protocol, expected_tcp, payload), sent);
  if (!difference.empty()) broken("request: " + difference);
  if (masquerade) judge_reply(ip, protocol, tcp, payload, destination);
}

void DirectorWorld::judge_reply(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp,
                                View payload, const Destination& destination) {
  const std::string server = to_string(destination.endpoint.address);
  const IpFields from{.source = server, .destination = ip.source};
  TcpFields answer = tcp;
  answer.source = destination.endpoint.port.host();
  answer.destination = tcp.source;
  const Verdict verdict = handle(build(from, protocol, answer, payload));
  const Forwarded* forwarded = std::get_if<Forwarded>(&verdict);
  if (forwarded == nullptr || forwarded->direction != Direction::reply) {
    broken("NAT reply is not recognised: " + describe(verdict));
  }
  if (sent_.size() != 1) return;
  IpFields as = from;
  as.source = ip.destination;
  --as.ttl;
  answer.source = tcp.destination;
  const std::string difference = packet_diff(build(as, protocol, answer, payload), sent_[0]);
  if (!difference.empty()) broken("NAT reply: " + difference);
}

void DirectorWorld::judge_counts() const {
  const DirectorSnapshot snapshot = director_.snapshot();
  std::uint64_t counted = 0;
  for (const ServiceSnapshot& service : snapshot.services) {
    for (const DestinationSnapshot& destination : service.destinations) {
      counted += std::uint64_t{destination.active} + destination.inactive + destination.persistent;
    }
  }
  // Those of cache_bypass belong to no destination.
  if (counted > snapshot.connections || (counted < snapshot.connections && !bypasses_))
    broken("connection counts do not add up");
  if (snapshot.connections > kConnectionLimit) broken("more connections than the limit");
}

void DirectorWorld::finish() {
  judge_counts();
  pass(std::chrono::hours(2));
  pass(std::chrono::seconds(2));
  if (director_.snapshot().connections != 0) broken("a connection does not expire");
  judge_counts();
  ByteSource nothing{View()};
  director_.apply(diff(config_, Config{}), now_, emissions_);
  if (!director_.snapshot().services.empty()) broken("a removed service stays");
}

}  // namespace lvsd::test
