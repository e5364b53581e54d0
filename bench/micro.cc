// SPDX-License-Identifier: GPL-2.0-or-later
// Micro-benchmarks of what a packet goes through, by google-benchmark: micro --help says how to
// choose. Built by `cmake --build build --target micro`, where libbenchmark-dev is installed.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "lvsd/director/connection_table.h"
#include "lvsd/forward/rewrite.h"
#include "lvsd/sched/scheduler.h"
#include "support/director_fixture.h"

namespace {

using namespace lvsd;        // NOLINT: a program of one file
using namespace lvsd::test;  // NOLINT

const TimePoint kNow{std::chrono::hours(1)};

Bytes segment(std::uint16_t client, std::uint8_t flags) {
  TcpFields tcp{.source = client, .destination = 80};
  tcp.flags = flags;
  return tcp_packet({.source = "10.1.0.7", .destination = "10.0.3.100"}, tcp, text("data"));
}

// A connection of a table of so many, in no order.
void lookup(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  ConnectionTable table(count, {1, 2});
  Connection entry;
  entry.protocol = 6;
  entry.virtual_address = address("10.0.3.100");
  entry.virtual_port = Port(std::uint16_t{80});
  entry.expires = kNow + std::chrono::hours(1);
  const auto client = [](std::uint32_t i) { return IpAddress(Ipv4Address(Be32(0x0a010000U + i))); };
  for (std::uint32_t i = 0; i < count; ++i) {
    entry.client = client(i);
    entry.client_port = Port(std::uint16_t{1024});
    table.insert(entry, kNow);
  }
  std::uint64_t place = 1;
  for (auto _ : state) {
    place = place * 6364136223846793005U + 1442695040888963407U;
    const Tuple tuple{client(static_cast<std::uint32_t>((place >> 33U) % count)),
                      entry.virtual_address, Port(std::uint16_t{1024}), entry.virtual_port, 6};
    benchmark::DoNotOptimize(table.find_request(tuple, kNow));
  }
}
BENCHMARK(lookup)->Arg(1000)->Arg(100000)->Arg(1000000);

void schedule(benchmark::State& state, SchedulerKind kind) {
  std::vector<DestinationState> states(static_cast<std::size_t>(state.range(0)));
  std::vector<DestinationId> order;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    states[i].configure({endpoint("10.0.2.11", 80), DirectRouting{}, Weight(1)}, true);
    order.push_back(DestinationId{i});
  }
  Scheduler scheduler = make_scheduler(kind, {});
  const Pool pool(order, states);
  destinations_changed(scheduler, pool, {}, true);
  const ScheduleKey key{address("10.1.0.7"), Port(std::uint16_t{1024}), address("10.0.3.100"),
                        kNow};
  for (auto _ : state) benchmark::DoNotOptimize(pick(scheduler, pool, key));
}
BENCHMARK_CAPTURE(schedule, rr, SchedulerKind::rr)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(schedule, wrr, SchedulerKind::wrr)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(schedule, wlc, SchedulerKind::wlc)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(schedule, mh, SchedulerKind::mh)->Arg(10)->Arg(1000);

void rewrite(benchmark::State& state) {
  Bytes packet = segment(1024, TcpHeader::kAck);
  const auto view = parse_packet(packet);
  const Endpoint to = endpoint("10.0.2.11", 8080);
  for (auto _ : state) rewrite_destination(packet, *view, to);
}
BENCHMARK(rewrite);

void handle(benchmark::State& state, const ForwardingMethod& method) {
  Director director({.connection_limit = 1024, .seed = {1, 2}, .first_id = 1},
                    std::make_shared<const Network>(director_network()));
  Emissions out;
  Changes changes;
  changes.added.push_back(
      tcp_service(80, method, {{endpoint("10.0.2.11", 80), method, Weight(1)}}));
  director.apply(changes, kNow, out);
  std::vector<std::byte> storage(4096);
  const auto decide = [&](const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), storage.begin() + kPacketHeadroom);
    PacketBuffer buffer(std::span<std::byte>(storage).first(kPacketHeadroom + bytes.size()),
                        kPacketHeadroom, bytes.size());
    benchmark::DoNotOptimize(director.handle(buffer, kNow, out));
    if (out.size() >= 64) out.clear();
  };
  decide(segment(1024, TcpHeader::kSyn));
  const Bytes packet = segment(1024, TcpHeader::kAck);
  for (auto _ : state) decide(packet);
}
BENCHMARK_CAPTURE(handle, dr, DirectRouting{});
BENCHMARK_CAPTURE(handle, tun, Tunnel{});
BENCHMARK_CAPTURE(handle, nat, Masquerade{});

}  // namespace

BENCHMARK_MAIN();
