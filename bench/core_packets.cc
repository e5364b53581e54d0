// SPDX-License-Identifier: GPL-2.0-or-later
// The core alone, for counting what a packet costs: core_packets PATH COUNT handles COUNT packets
// of one kind from memory and prints packets per second and how often memory was allocated
// meanwhile. Under callgrind, the difference of two counts is instructions per packet
// (instructions.py).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "support/director_fixture.h"

namespace {

std::uint64_t allocations = 0;

using namespace lvsd;        // NOLINT: a program of one file
using namespace lvsd::test;  // NOLINT

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100";
constexpr std::string_view kClient6 = "fd01::7", kVip6 = "fd00:3::100";
constexpr std::uint16_t kClients = 1024;  // so that not all is in the nearest cache

struct Path {
  ForwardingMethod method;
  bool v6 = false, reply = false, fresh = false;
};
const std::map<std::string_view, Path> kPaths{
    {"dr", {DirectRouting{}}},
    {"tun", {Tunnel{}}},
    {"nat", {Masquerade{}}},
    {"nat-reply", {Masquerade{}, false, true}},
    {"dr-v6", {DirectRouting{}, true}},
    {"nat-v6", {Masquerade{}, true}},
    {"new", {DirectRouting{}, false, false, true}},
};

// The same segment behind an IPv6 header; the core does not look at its checksum.
Bytes in_ipv6(const Bytes& v4) {
  const auto length = static_cast<std::uint16_t>(v4.size() - sizeof(Ipv4Header));
  Ipv6Header header;
  header.version_class_flow = Be32(Ipv6Header::kVersion);
  header.payload_length = Be16(length);
  header.next_header = static_cast<std::uint8_t>(IpProtocol::tcp);
  header.hop_limit = 64;
  header.source = address(kClient6);
  header.destination = address(kVip6);
  Bytes out(sizeof header + length);
  store(out, header);
  std::copy(v4.begin() + sizeof(Ipv4Header), v4.end(), out.begin() + sizeof header);
  return out;
}

Network::Parts network() {
  Network::Parts parts = director_network();
  parts.interfaces[1].addresses.push_back({address("fd00:2::1"), 64});
  parts.neighbors.push_back({address("fd00:2::11"), InterfaceIndex{2}, mac_of("10.0.2.11")});
  return parts;
}

Bytes packet(const Path& path, std::uint16_t number, bool syn) {
  IpFields ip{.source = kClient, .destination = kVip};
  const auto client = static_cast<std::uint16_t>(10000 + number);
  TcpFields tcp{.source = client, .destination = 80};
  if (path.reply && !syn) {
    ip = {.source = "10.0.2.11", .destination = kClient};
    tcp = {.source = 80, .destination = client};
  }
  if (!syn) tcp.flags = 0x10;
  Bytes out = tcp_packet(ip, tcp, text("sixty-four bytes or so, as in most packets of a request"));
  return path.v6 ? in_ipv6(out) : out;
}

struct Core {
  explicit Core(std::uint32_t limit = 1U << 20U)
      : director({.connection_limit = limit, .seed = {1, 2}, .first_id = 1},
                 std::make_shared<const Network>(network())) {}

  Director director;
  Emissions emissions;
  std::vector<std::byte> storage = std::vector<std::byte>(4096);
  TimePoint now = TimePoint(std::chrono::hours(1));
  std::uint64_t forwarded = 0;

  void serve(const Path& path) {
    VirtualService service =
        tcp_service(80, path.method,
                    {{endpoint(path.v6 ? "fd00:2::11" : "10.0.2.11", 80), path.method, Weight(1)}});
    service.key.listen.address = address(path.v6 ? kVip6 : kVip);
    Changes changes;
    changes.added.push_back(service);
    director.apply(changes, now, emissions);
  }

  void handle(const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), storage.begin() + kPacketHeadroom);
    PacketBuffer buffer(std::span<std::byte>(storage).first(kPacketHeadroom + bytes.size()),
                        kPacketHeadroom, bytes.size());
    decide(buffer);
  }

  void decide(PacketBuffer& buffer) {
    forwarded += std::holds_alternative<Forwarded>(director.handle(buffer, now, emissions));
    if (emissions.size() >= 64) emissions.clear();
  }
};

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto line = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(line, (size + line - 1) / line * line)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

// The resident memory of this process.
std::uint64_t resident() {
  unsigned long pages = 0, all = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu %lu", &all, &pages) != 2) pages = 0;
    std::fclose(file);
  }
  return std::uint64_t{pages} * 4096;
}

// CPU time: what else the machine does counts less.
void report(std::uint64_t count, std::clock_t time, std::uint64_t allocated) {
  std::printf("%.2f million packets per second, %llu allocations\n",
              static_cast<double>(count) * CLOCKS_PER_SEC / static_cast<double>(time) / 1e6,
              static_cast<unsigned long long>(allocated));
}

// All of a table's connections come due at once: how long a packet may have to wait for that.
bool expire_all(Core& core) {
  core.now += std::chrono::hours(1);
  std::clock_t longest = 0, all = 0;
  std::uint64_t calls = 0;
  for (auto due = core.director.next_deadline(); due; due = core.director.next_deadline()) {
    core.now = std::max(core.now, *due);
    const std::clock_t start = std::clock();
    core.director.expire(core.now, core.emissions);
    const std::clock_t took = std::clock() - start;
    longest = std::max(longest, took);
    all += took;
    if (++calls > 100'000'000 || core.director.snapshot().connections == 0) break;
  }
  std::printf("all expired in %llu calls, %.0f us at most, %.2f s in all\n",
              static_cast<unsigned long long>(calls),
              static_cast<double>(longest) * 1e6 / CLOCKS_PER_SEC,
              static_cast<double>(all) / CLOCKS_PER_SEC);
  return core.director.snapshot().connections == 0;
}

// The packet comes from a client of its own.
Bytes from_client(Bytes packet, std::uint64_t client) {
  constexpr std::size_t kSource = 12, kClientsEach = 50000;
  store(packet, Be32(static_cast<std::uint32_t>(0x0a010000U + client % kClientsEach)), kSource);
  store(packet, Be16(static_cast<std::uint16_t>(1024 + client / kClientsEach)), sizeof(Ipv4Header));
  fix_ip_checksum(packet);
  return packet;
}

// A table of `count` connections, each opened by a packet of a client of its own.
int fill(std::uint64_t count) {
  Core core(static_cast<std::uint32_t>(count));
  core.serve({DirectRouting{}});
  const Bytes syn = packet({DirectRouting{}}, 0, true);
  const std::uint64_t before = resident();
  for (std::uint64_t i = 0; i < count; ++i) core.handle(from_client(syn, i));
  const std::uint64_t live = core.director.snapshot().connections;
  std::printf("%llu connections, %.1f bytes each\n", static_cast<unsigned long long>(live),
              static_cast<double>(resident() - before) / static_cast<double>(live));
  return live == count && expire_all(core) ? 0 : 1;
}

// `count` packets, one behind the other in memory as in a capture, of `connections` in no order:
// each is decided where it lies. `expected`: the director is told which ones follow.
int capture(std::uint64_t count, std::uint64_t connections, bool expected) {
  const Path path{DirectRouting{}};
  Core core;
  core.serve(path);
  const Bytes syn = packet(path, 0, true), data = packet(path, 0, false);
  std::vector<Bytes> packets;
  for (std::uint64_t i = 0; i < connections; ++i) {
    core.handle(from_client(syn, i));
    packets.push_back(from_client(data, i));
  }
  const std::size_t size = packets.front().size();
  std::vector<std::byte> memory(size * count);
  std::uint64_t place = 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    place = place * 6364136223846793005U + 1442695040888963407U;
    std::copy_n(packets[(place >> 33U) % connections].begin(), size,
                memory.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  const std::uint64_t allocated = allocations, forwarded = core.forwarded;
  const std::clock_t start = std::clock();
  const auto buffer_of = [&](std::uint64_t i) {
    return PacketBuffer(std::span<std::byte>(memory).subspan(i * size, size), 0, size);
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t ahead = i + Director::kExpected;
    if (expected && ahead < count) core.director.expect(buffer_of(ahead));
    PacketBuffer buffer = buffer_of(i);
    core.decide(buffer);
  }
  report(count, std::clock() - start, allocations - allocated);
  return core.forwarded - forwarded == count ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "fill") {
    return fill(std::strtoull(argv[2], nullptr, 10));
  }
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if ((argc == 3 || argc == 4) && (kind == "capture" || kind == "capture-unforeseen")) {
    constexpr std::uint64_t kUsual = 16384;
    return capture(std::strtoull(argv[2], nullptr, 10),
                   argc == 4 ? std::strtoull(argv[3], nullptr, 10) : kUsual, kind == "capture");
  }
  const auto found = argc == 3 ? kPaths.find(argv[1]) : kPaths.end();
  if (found == kPaths.end()) {
    std::fputs(
        "usage: core_packets dr|tun|nat|nat-reply|dr-v6|nat-v6|new|fill COUNT\n"
        "       core_packets capture|capture-unforeseen COUNT [CONNECTIONS]\n",
        stderr);
    return 2;
  }
  const Path& path = found->second;
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  Core core;
  core.serve(path);
  std::vector<Bytes> packets;
  for (std::uint16_t i = 0; i < kClients; ++i) {
    if (!path.fresh) core.handle(packet(path, i, true));
    packets.push_back(packet(path, i, path.fresh));
  }
  for (const Bytes& one : packets) core.handle(one);

  const std::uint64_t allocated = allocations, forwarded = core.forwarded;
  const std::clock_t start = std::clock();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (path.fresh && i % kClients == 0) core.now += std::chrono::hours(1);
    if (path.fresh && i % kClients == 0) core.director.expire(core.now, core.emissions);
    core.handle(packets[i % kClients]);
  }
  const std::uint64_t allocated_since = allocations - allocated;
  const std::clock_t end = std::clock();
  if (core.forwarded - forwarded != count) {
    std::fputs("core_packets: not every packet was forwarded\n", stderr);
    return 1;
  }
  report(count, end - start, allocated_since);
  return 0;
}
