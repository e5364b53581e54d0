// SPDX-License-Identifier: GPL-2.0-or-later
// Explaining a packet takes the worker's time, which packets wait for: it must not grow with
// services and destinations that the packet has nothing to do with. Told by the memory that is
// asked for, which is the same each time, as the cost is that of copying.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "lvsd/director/decision.h"
#include "unit/director_clients.h"

namespace {
std::size_t asked_for = 0, times = 0;

void* count(void* memory, std::size_t size) {
  if (memory == nullptr) throw std::bad_alloc();
  asked_for += size;
  ++times;
  return memory;
}
}  // namespace

void* operator new(std::size_t size) { return count(std::malloc(size), size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto line = static_cast<std::size_t>(alignment);
  return count(std::aligned_alloc(line, (size + line - 1) / line * line), size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

struct Cost {
  std::size_t bytes, allocations;
};

// Of a new connection's first packet, where the other services have four destinations each.
Cost cost_beside(unsigned others) {
  std::vector<VirtualService> services{
      tcp_service(80, Masquerade{}, {to("10.0.2.11", 80), to("10.0.2.12", 80)})};
  for (unsigned i = 0; i < others; ++i) {
    VirtualService other = services.front();
    other.key.listen.address =
        IpAddress(198, 18, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250));
    other.probes = {.mark = (1U << ProbePath::kServiceBits) + i + 1, .targets = {}};
    other.destinations.clear();
    for (std::uint8_t server = 1; server <= 4; ++server) {
      const IpAddress where(172, static_cast<std::uint8_t>(16 + server),
                            static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250));
      other.destinations.push_back({{where, Port(80)}, Masquerade{}, Weight(1)});
      other.probes.targets.push_back({where, DirectRouting{}, ServiceProtocol::tcp, Port(80)});
    }
    services.push_back(other);
  }
  DirectorFixture fixture(services);
  OwnedPacket owned(segment(kClient, 4000, 80));
  PacketBuffer buffer = owned.buffer();
  Emissions out;
  Decision decision;
  asked_for = times = 0;
  fixture.director.explain(buffer, fixture.now, out, decision);
  const Cost cost{asked_for, times};
  EXPECT_EQ(describe(decision.verdict), "forwarded");
  return cost;
}

TEST(DryRunCost, IsThatOfThePacketsOwnService) {
  const Cost few = cost_beside(1), many = cost_beside(2000);
  EXPECT_LE(many.allocations, few.allocations + 10);
  EXPECT_LE(many.bytes, few.bytes + 1000);
}

}  // namespace
}  // namespace lvsd
