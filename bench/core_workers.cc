// SPDX-License-Identifier: GPL-2.0-or-later
// core_workers [COUNT]: how many packets one and two workers decide, on as many threads, from
// memory: packets of 4096 clients, steered as live, COUNT packets in all. Rounds
// of one and of two take turns. Beside the rate by the clock, which wants as many idle CPUs as
// threads, it prints the rate by the threads' own CPU time, which does not.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

#include "lvsd/model/shared_load.h"
#include "lvsd/model/steering.h"
#include "support/director_fixture.h"

namespace {

using namespace lvsd;        // NOLINT: a program of one file
using namespace lvsd::test;  // NOLINT

constexpr unsigned kClients = 4096;
constexpr int kRounds = 5;

Bytes packet_of(unsigned client, std::uint8_t flags) {
  const std::string from =
      "10.1." + std::to_string(client / 256) + "." + std::to_string(client % 256);
  return tcp_packet({.source = from, .destination = "10.0.3.100"},
                    {.source = static_cast<std::uint16_t>(10000 + client), .flags = flags},
                    text("sixty-four bytes or so, as in most packets of a request"));
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// What one thread has, on cache lines of its own.
struct alignas(128) Worker {
  std::unique_ptr<Director> director;
  std::vector<Bytes> packets;
  Emissions emissions;
  std::vector<std::byte> storage = std::vector<std::byte>(4096);
  std::uint64_t forwarded = 0;
  double seconds = 0;

  void handle(const Bytes& bytes) {
    constexpr TimePoint kNow{std::chrono::hours(1)};
    std::copy(bytes.begin(), bytes.end(), storage.begin() + kPacketHeadroom);
    PacketBuffer buffer(std::span<std::byte>(storage).first(kPacketHeadroom + bytes.size()),
                        kPacketHeadroom, bytes.size());
    forwarded += std::holds_alternative<Forwarded>(director->handle(buffer, kNow, emissions));
    if (emissions.size() >= 64) emissions.clear();
  }
  void run(std::uint64_t count) {
    const double before = thread_seconds();
    for (std::uint64_t i = 0; i < count; ++i) handle(packets[i % packets.size()]);
    seconds = thread_seconds() - before;
  }
};

struct Rates {
  double clock = 0, cpu = 0;  // packets per second
};

Rates measure(unsigned workers, std::uint64_t count) {
  const SteeringHash hash{.workers = workers, .seed = 1, .prefix = {}};
  LoadBook loads;
  Changes changes;
  changes.added.push_back(tcp_service(80, DirectRouting{},
                                      {{endpoint("10.0.2.11", 80), DirectRouting{}, Weight(1)},
                                       {endpoint("10.0.2.12", 80), DirectRouting{}, Weight(1)}},
                                      SchedulerKind::wlc));
  if (workers > 1) loads.hand_out(changes);
  const auto network = std::make_shared<const Network>(director_network());
  std::vector<Worker> all(workers);
  for (Worker& worker : all) {
    const DirectorSettings settings{
        .connection_limit = 1U << 16U, .seed = {1, 2}, .first_id = 1, .has_peers = workers > 1};
    worker.director = std::make_unique<Director>(settings, network);
    worker.director->apply(changes, TimePoint(std::chrono::hours(1)), worker.emissions);
  }
  for (unsigned client = 0; client < kClients; ++client) {
    const IpAddress source(10, 1, static_cast<std::uint8_t>(client / 256),
                           static_cast<std::uint8_t>(client % 256));
    Worker& worker = all[hash.worker_of(source)];
    worker.handle(packet_of(client, 0x02));
    worker.packets.push_back(packet_of(client, 0x10));
  }
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (Worker& worker : all) {
    const std::uint64_t share = count * worker.packets.size() / kClients;
    threads.emplace_back([&worker, share] { worker.run(share); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  Rates rates{.clock = static_cast<double>(count) / time.count()};
  for (const Worker& worker : all) {
    rates.cpu += static_cast<double>(count) * static_cast<double>(worker.packets.size()) /
                 kClients / worker.seconds;
  }
  return rates;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 4'000'000;
  std::vector<double> clock, cpu;
  for (int round = 0; round < kRounds; ++round) {
    const Rates one = measure(1, count), two = measure(2, count);
    std::printf("one worker %.2f million packets/s (%.2f by CPU time), two %.2f (%.2f)\n",
                one.clock / 1e6, one.cpu / 1e6, two.clock / 1e6, two.cpu / 1e6);
    clock.push_back(two.clock / one.clock);
    cpu.push_back(two.cpu / one.cpu);
  }
  std::printf(
      "two workers decide %.2f times the packets of one (%.2f by CPU time; medians of %d)\n",
      median(clock), median(cpu), kRounds);
  return 0;
}
