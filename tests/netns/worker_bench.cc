// SPDX-License-Identifier: GPL-2.0-or-later
// What the way from NFQUEUE to a real server's wire costs per packet, in CPU time of the worker's
// thread, beside two loops that only receive and drop: one message per system call, and batched.
// All in one process, several rounds in turn, under a flood of small UDP packets of 4096 clients'
// ports; ratios between the columns say more than the columns, which move with the machine.
#include <poll.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/io/worker.h"
#include "lvsd/net/headers.h"
#include "netns/datagrams.h"
#include "netns/namespaces.h"

namespace lvsd {
namespace {

using test::Inside;
using test::Lab;

constexpr std::uint16_t kQueue = 7, kPort = 80, kPorts = 4096;
constexpr auto kRound = std::chrono::seconds(2);
constexpr Ipv4Address kClient({10, 77, 1, 2}), kVip({192, 0, 2, 10}), kServer({10, 77, 2, 2});
constexpr Mac kDirectorMac({2, 0, 0, 0, 1, 1}), kInsideMac({2, 0, 0, 0, 2, 1});
constexpr Mac kNobody({2, 0, 0, 0, 2, 77});  // the real server's stack drops what is not for it

struct Measure {
  std::uint64_t packets = 0;
  double cpu_seconds = 0, wall_seconds = 0;
};

void print(const char* what, const Measure& m) {
  std::printf("%-28s %9.0f packets/s  %6.3f us of CPU per packet\n", what,
              static_cast<double>(m.packets) / m.wall_seconds,
              m.cpu_seconds * 1e6 / static_cast<double>(m.packets));
}

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}
double thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return seconds(time);
}
double wall() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return seconds(time);
}

// Sends as fast as it can from the client until it is destroyed.
class Flood {
 public:
  explicit Flood(const Lab& lab) : thread_([this, &lab] { run(lab); }) {}
  ~Flood() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run(const Lab& lab) {
    const Inside inside(lab.client);
    PacketSocket socket;
    const auto c0 = InterfaceIndex{test::interface_index(lab.client, "c0")};
    std::vector<std::vector<std::byte>> packets;
    std::vector<Emission> frames;
    for (std::uint16_t i = 0; i < kPorts; ++i) {
      auto& packet =
          packets.emplace_back(test::udp_packet(kClient, kVip, kPort, "eighteen bytes of 1"));
      store(packet, Be16(static_cast<std::uint16_t>(10000 + i)), sizeof(Ipv4Header));
      Emission& frame = frames.emplace_back();
      frame.interface = c0;
      frame.destination = kDirectorMac;
      frame.source = Mac({2, 0, 0, 0, 1, 2});
      frame.packet = packet;
    }
    while (!stop_) socket.send(frames);
  }

  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Receives and drops for one round.
template <class Turn>
Measure drop_all(const Lab& lab, Turn turn) {
  const Inside inside(lab.director);
  NfQueue queue(kQueue);
  const Flood flood(lab);
  const double wall_start = wall(), cpu_start = thread_cpu();
  Measure out;
  const double end = wall_start + std::chrono::duration<double>(kRound).count();
  while (wall() < end) {
    pollfd ready{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    if (!queue.more()) poll(&ready, 1, 100);
    out.packets += turn(queue);
  }
  out.cpu_seconds = thread_cpu() - cpu_start;
  out.wall_seconds = wall() - wall_start;
  return out;
}

std::uint64_t drop_batch(NfQueue& queue) {
  const auto packets = queue.receive();
  for (const QueuedPacket& packet : packets) queue.drop(packet.id);
  queue.settle();
  return packets.size();
}

// As a simple program does it: one message in, one verdict out.
std::uint64_t drop_one(NfQueue& queue) {
  std::array<std::byte, 4096> buffer;
  const ssize_t size = recv(queue.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size <= 0) return 0;
  const auto message = parse_queue_message(std::span(buffer).first(static_cast<std::size_t>(size)));
  if (!message) return 0;
  queue.drop(message->id);
  queue.settle();
  return 1;
}

std::shared_ptr<const Network> network(const Lab& lab) {
  Network::Parts parts;
  const auto d1 = InterfaceIndex{test::interface_index(lab.director, "d1")};
  Interface& interface = parts.interfaces.emplace_back();
  interface.index = d1;
  interface.name = "d1";
  interface.mac = kInsideMac;
  interface.addresses.push_back({.address = IpAddress(10, 77, 2, 1), .length = 24});
  parts.neighbors.push_back({.address = kServer, .interface = d1, .mac = kNobody});
  return std::make_shared<const Network>(std::move(parts));
}

std::shared_ptr<const Changes> one_service() {
  auto changes = std::make_shared<Changes>();
  VirtualService& service = changes->added.emplace_back();
  service.name = "bench";
  service.key = {ServiceProtocol::udp, {kVip, Port(kPort)}};
  service.destinations.push_back(
      {.endpoint = {kServer, Port(kPort)}, .method = DirectRouting{}, .weight = {}});
  return changes;
}

// Nanoseconds on a CPU of the thread of that name.
double named_thread_cpu(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::ifstream(task.path() / "comm") >> comm;
    double nanoseconds = 0;
    if (comm == name && std::ifstream(task.path() / "schedstat") >> nanoseconds) {
      return nanoseconds * 1e-9;
    }
  }
  return 0;
}

WorkerSnapshot snapshot(Worker& worker) {
  std::promise<WorkerSnapshot> promise;
  worker.post(
      SnapshotMessage{[&promise](WorkerSnapshot taken) { promise.set_value(std::move(taken)); }});
  return promise.get_future().get();
}

Measure forward_all(const Lab& lab) {
  const Inside inside(lab.director);
  WorkerSettings settings;
  settings.datagrams = kQueue;
  Worker worker(settings, network(lab));
  worker.start();
  worker.post(ApplyMessage{one_service(), [] {}});
  const Flood flood(lab);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::uint64_t sent_before = snapshot(worker).edge.sent_frames;
  const double wall_start = wall(), cpu_start = named_thread_cpu("lvsd-w0");
  std::this_thread::sleep_for(kRound);
  const WorkerSnapshot after = snapshot(worker);
  Measure out;
  out.packets = after.edge.sent_frames - sent_before;
  out.cpu_seconds = named_thread_cpu("lvsd-w0") - cpu_start;
  out.wall_seconds = wall() - wall_start;
  std::printf("  (%.1f packets per batch, %llu connections, %llu send errors)\n",
              static_cast<double>(after.edge.received) / static_cast<double>(after.edge.batches),
              static_cast<unsigned long long>(after.director.connections),
              static_cast<unsigned long long>(after.edge.send_errors));
  return out;
}

void add(Measure& total, const Measure& round) {
  total.packets += round.packets;
  total.cpu_seconds += round.cpu_seconds;
  total.wall_seconds += round.wall_seconds;
}

void run() {
  const Lab lab;
  lab.director.run("iptables -t raw -A PREROUTING -d 192.0.2.10 -j NFQUEUE --queue-num 7");
  Measure single, batched, forwarded;
  for (int round = 0; round < 3; ++round) {
    add(single, drop_all(lab, drop_one));
    add(batched, drop_all(lab, drop_batch));
    add(forwarded, forward_all(lab));
  }
  print("null loop, one per call", single);
  print("null loop, NfQueue", batched);
  print("worker, direct routing", forwarded);
}

}  // namespace
}  // namespace lvsd

int main() {
  try {
    lvsd::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
