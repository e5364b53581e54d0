// SPDX-License-Identifier: GPL-2.0-or-later
// What a director says that it would do with a packet is what it does with it, while services come
// and go so that ids are used again, with schedulers that remember ids, fragments, ICMP errors and
// replies; and saying it costs what the packet's own service does, not the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "lvsd/director/decision.h"
#include "support/random_seed.h"
#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::array<std::string_view, 4> kServers{"10.0.2.11", "10.0.2.12", "10.0.2.13",
                                                   "10.0.2.99"};  // the last has no MAC
constexpr std::array<std::string_view, 3> kClients{"10.1.0.7", "10.1.0.8", "10.0.2.12"};

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed), fixture_({}, director_network(), 60) {}

  void step(int number) {
    SCOPED_TRACE(number);
    const unsigned kind = any(20);
    if (kind == 0) return reload();
    if (kind == 1) return fixture_.pass(std::chrono::seconds(any(90)));
    const std::uint32_t mark = any(8) == 0 ? 7 : 0;
    Bytes packet = any_packet();
    if (any(5) != 0) return ask_and_handle(packet, mark);
    std::vector<Bytes> pieces = fragments(packet, 8);
    if (any(2) == 0) std::swap(pieces.front(), pieces.back());
    for (const Bytes& piece : pieces) ask_and_handle(piece, mark);
  }

 private:
  unsigned any(unsigned below) { return static_cast<unsigned>(random_() % below); }
  template <class Some>
  auto one_of(const Some& some) {
    return some[any(static_cast<unsigned>(some.size()))];
  }
  std::uint16_t port() { return one_of(std::array<std::uint16_t, 5>{20, 21, 53, 80, 5060}); }

  VirtualService any_service() {
    const bool udp = any(2) == 0;
    VirtualService service =
        udp ? udp_service(port(), Masquerade{}, {}) : tcp_service(port(), {}, {});
    if (any(6) == 0) service.key.listen.port = Port();
    if (any(6) == 0) service.key = ServiceKey::by_mark(7, true);
    service.name = to_string(service.key);
    service.scheduler = static_cast<SchedulerKind>(any(kSchedulerKinds));
    service.one_packet = udp && any(4) == 0;
    if (any(3) == 0 || service.key.listen.port == Port()) {
      service.persistence = Persistence{std::chrono::seconds(30), 32};
    }
    if (service.key.listen.port == Port(21)) service.helper = Helper::ftp;
    if (any(3) == 0) service.hairpin = address("10.0.2.1");
    for (const std::string_view server : kServers) {
      if (any(4) == 0) continue;
      Destination destination{endpoint(server, service.key.listen.port.host()), Masquerade{},
                              Weight(static_cast<std::uint16_t>(any(4)))};
      if (any(3) == 0) destination.method = DirectRouting{};
      if (any(4) == 0) destination.method = Tunnel{};
      if (any(4) == 0) destination.thresholds = {.upper = 3, .lower = 1};
      service.destinations.push_back(destination);
    }
    return service;
  }

  void reload() {
    Config next = running_;
    std::erase_if(next.services, [this](const VirtualService&) { return any(3) == 0; });
    for (VirtualService& service : next.services) {
      if (any(3) == 0 && !service.destinations.empty()) service.destinations.pop_back();
    }
    for (unsigned more = any(6); more > 0; --more) {
      const VirtualService service = any_service();
      const auto same = [&](const VirtualService& other) { return other.key == service.key; };
      if (std::ranges::none_of(next.services, same)) next.services.push_back(service);
    }
    fixture_.apply(diff(running_, next));
    running_ = next;
  }

  Bytes plain_packet() {
    const std::string_view client = one_of(kClients);
    const std::uint16_t from = static_cast<std::uint16_t>(4000 + any(6)), to = port();
    const auto flags = one_of(std::array<std::uint8_t, 5>{kSyn, kSyn, kAck, kFinAck, kRst});
    const bool reply = any(3) == 0;
    const IpFields ip = reply ? IpFields{.source = one_of(kServers), .destination = client}
                              : IpFields{.source = client, .destination = kVip};
    const std::uint16_t source = reply ? to : from, destination = reply ? from : to;
    if (any(2) == 0)
      return udp_packet(ip, {.source = source, .destination = destination}, pattern(16));
    return tcp_packet(ip, {.source = source, .destination = destination, .flags = flags});
  }
  Bytes any_packet() {
    const Bytes packet = plain_packet();
    if (any(6) != 0) return packet;
    const IcmpFields error{
        .type = 3, .code = static_cast<std::uint8_t>(any(2) == 0 ? 4 : 3), .rest = 600};
    const std::string_view to = any(2) == 0 ? kVip : "10.0.2.1";
    return icmp_error({.source = "10.1.0.9", .destination = to}, error,
                      any(3) == 0
                          ? ipip_packet({.source = "10.0.2.1", .destination = "10.0.2.11"}, packet)
                          : packet,
                      64);
  }

  void ask_and_handle(const Bytes& packet, std::uint32_t mark) {
    OwnedPacket owned(packet);
    PacketBuffer buffer = owned.buffer();
    buffer.set_mark(mark);
    Emissions out;
    Decision said;
    fixture_.director.explain(buffer, fixture_.now, out, said);
    const Verdict done = fixture_.handle(packet, mark);
    ASSERT_EQ(describe(said.verdict), describe(done));
    std::vector<Bytes> promised, sent;
    for (const Emission& each : out.list()) {
      if (each.kind != EmissionKind::frame && each.kind != EmissionKind::routed) continue;
      Bytes whole(each.head.begin(), each.head.end());
      whole.insert(whole.end(), each.packet.begin(), each.packet.end());
      promised.push_back(whole);
    }
    for (const Sent& each : fixture_.sent) sent.push_back(each.packet);
    ASSERT_EQ(promised, sent);
    ASSERT_TRUE(std::ranges::equal(buffer.bytes(), fixture_.changed));
    if (const auto* const forwarded = std::get_if<Forwarded>(&done)) {
      ASSERT_EQ(std::get<Forwarded>(said.verdict).destination, forwarded->destination);
      ASSERT_TRUE(!said.way || said.way->destination == forwarded->destination);
    }
    for (const Candidate& each : said.scheduling.value_or(Scheduling{}).candidates) {
      const DestinationState* const real = fixture_.director.destination(each.id);
      ASSERT_TRUE(real != nullptr && real->config == each.state.config);
    }
  }

  std::mt19937 random_;
  DirectorFixture fixture_;
  Config running_;
};

TEST(DryRun, IsWhatHappens) {
  const std::uint32_t seed = random_seed();
  for (std::uint32_t round = 0; round < 30; ++round) {
    SCOPED_TRACE(round);
    World world(seed + round);
    for (int number = 0; number < 600 && !testing::Test::HasFatalFailure(); ++number) {
      world.step(number);
    }
  }
}

}  // namespace
}  // namespace lvsd
