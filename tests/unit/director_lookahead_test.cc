// SPDX-License-Identifier: GPL-2.0-or-later
// What a director is told of packets to come decides nothing, whatever bytes they have.
#include <gtest/gtest.h>

#include "unit/director_clients.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::uint32_t kMany = 17000;  // so that looking ahead is worth it

Bytes of_client(std::uint32_t number, bool reply) {
  const std::string client =
      "10.1." + std::to_string(number >> 8U) + "." + std::to_string(number & 0xffU);
  if (!reply) return datagram(client, 40000, 53);
  return udp_packet({.source = "10.0.2.11", .destination = client},
                    {.source = 53, .destination = 40000});
}

// In memory of just its size, so that a sanitizer sees a read beyond it.
void expect(DirectorFixture& f, View bytes) {
  std::vector<std::byte> exact(bytes.begin(), bytes.end());
  f.director.expect(PacketBuffer(exact, 0, exact.size()));
}

TEST(Lookahead, DecidesNothing) {
  const std::vector<VirtualService> services{
      udp_service(53, Masquerade{}, {{endpoint("10.0.2.11", 53), Masquerade{}, Weight(1)}})};
  DirectorFixture told(services, director_network(), 2 * kMany);
  DirectorFixture untold(services, director_network(), 2 * kMany);
  for (std::uint32_t i = 0; i < kMany; ++i) {
    expect(told, of_client(i + 8, false));
    ASSERT_EQ(describe(told.handle(of_client(i, false))), "forwarded");
    untold.handle(of_client(i, false));
  }
  Bytes v6(40 + 8);
  v6[0] = std::byte{0x60};
  v6[6] = std::byte{17};
  for (std::uint32_t i = 0; i < kMany; i += 100) {
    for (const bool reply : {false, true}) {
      const Bytes packet = of_client(i, reply);
      for (std::size_t size = 0; size <= packet.size(); ++size) {
        expect(told, View(packet).first(size));
      }
      for (std::size_t size = 0; size <= v6.size(); ++size) expect(told, View(v6).first(size));
      const Verdict with = told.handle(packet), without = untold.handle(packet);
      ASSERT_EQ(describe(with), "forwarded");
      ASSERT_EQ(describe(with), describe(without));
      ASSERT_EQ(told.sent.at(0).packet, untold.sent.at(0).packet);
    }
  }
  EXPECT_EQ(told.director.snapshot().connections, kMany);
  EXPECT_EQ(told.director.counters().forwarded, untold.director.counters().forwarded);
}

}  // namespace
}  // namespace lvsd
