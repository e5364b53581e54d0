// SPDX-License-Identifier: GPL-2.0-or-later
// IPv6 datagrams that the kernel put together before the director got them: larger than the link
// they came by, cut again for the one they leave by.
#include <gtest/gtest.h>

#include "lvsd/director/decision.h"
#include "lvsd/net/extension_headers.h"
#include "support/director_fixture.h"
#include "unit/director_families.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::uint16_t kPort = 53, kClientPort = 4000;
constexpr std::string_view kClient = "fd00:c::1", kVip = "fd00:3::100", kServer = "fd00:2::11";
constexpr std::size_t kHeaders = 48;

Bytes datagram(std::string_view source, std::string_view destination, std::uint16_t from,
               std::uint16_t to, std::size_t size) {
  Bytes out = {std::byte{0x60}, std::byte{0}, std::byte{0}, std::byte{0}};
  const auto put16 = [&out](std::size_t value) {
    out.push_back(std::byte(value >> 8U));
    out.push_back(std::byte(value & 0xffU));
  };
  put16(size - 40);
  out.insert(out.end(), {std::byte{17}, std::byte{64}});
  for (const std::string_view text : {source, destination}) {
    for (const std::uint8_t byte : address(text).bytes()) out.push_back(std::byte{byte});
  }
  put16(from);
  put16(to);
  put16(size - 40);
  put16(0xabcd);
  for (std::size_t i = kHeaders; i < size; ++i) out.push_back(static_cast<std::byte>(i * 7));
  return out;
}
Bytes request(std::size_t size) { return datagram(kClient, kVip, kClientPort, kPort, size); }
Bytes reply(std::size_t size) { return datagram(kServer, kClient, kPort, kClientPort, size); }

struct Reassembled : DirectorFixture {
  explicit Reassembled(const ForwardingMethod& method, std::string_view server = kServer,
                       Network::Parts parts = both_families())
      : DirectorFixture({service(method, server)}, std::move(parts)) {
    arrival = InterfaceIndex{1};
  }
  static VirtualService service(const ForwardingMethod& method, std::string_view server) {
    VirtualService out = udp_service(kPort, method, {{endpoint(server, kPort), {}, Weight(1)}});
    out.key.listen.address = address(kVip);
    return out;
  }
  // What the fragments that were sent are when put together, without their outer headers.
  Bytes together(std::size_t mtu) const {
    Bytes whole;
    for (const Sent& piece : sent) {
      EXPECT_LE(piece.packet.size(), mtu);
      const auto chain = walk_extensions(piece.packet, 0);
      EXPECT_TRUE(chain && chain->has_fragment());
      if (!chain || !chain->has_fragment()) return {};
      EXPECT_EQ(chain->fragment.fragment_offset(), whole.size());
      EXPECT_EQ(chain->fragment.more_fragments(), &piece != &sent.back());
      const std::size_t from = chain->fragment_header + sizeof(Ipv6FragmentHeader);
      whole.insert(whole.end(), piece.packet.begin() + static_cast<std::ptrdiff_t>(from),
                   piece.packet.end());
    }
    return whole;
  }
};

Bytes behind(const Bytes& packet, std::size_t count) {
  return {packet.begin() + static_cast<std::ptrdiff_t>(count), packet.end()};
}

// Who asks what would become of a packet cannot always say by which link it comes.
TEST(ReassembledIpv6, IsExplainedAsIfItCameByTheWayBack) {
  Reassembled f{DirectRouting{}};
  const Bytes packet = request(3000);
  Bytes storage(kPacketHeadroom);
  storage.insert(storage.end(), packet.begin(), packet.end());
  PacketBuffer asked(storage, kPacketHeadroom, packet.size());
  Emissions out;
  Decision decision;
  f.director.explain(asked, f.now, out, decision);
  EXPECT_EQ(describe(decision.verdict), describe(f.handle(packet)));
  EXPECT_EQ(describe(decision.verdict), "forwarded");
}

TEST(ReassembledIpv6, IsCutAgainForDirectRouting) {
  Reassembled f{DirectRouting{}};
  ASSERT_EQ(describe(f.handle(request(4000))), "forwarded");
  ASSERT_EQ(f.sent.size(), 3U);
  EXPECT_EQ(f.together(1500), behind(request(4000), 40));
}

TEST(ReassembledIpv6, IsCutAgainForNatBothWays) {
  Reassembled f{Masquerade{}};
  ASSERT_EQ(describe(f.handle(request(4000))), "forwarded");
  EXPECT_EQ(f.sent.size(), 3U);
  EXPECT_EQ(behind(f.together(1500), 8), behind(request(4000), kHeaders));
  f.arrival = InterfaceIndex{2};
  ASSERT_EQ(describe(f.handle(reply(3000))), "forwarded");
  EXPECT_EQ(f.sent.size(), 3U);  // 2960 bytes in 1448, 1448 and 64
  EXPECT_EQ(behind(f.together(1500), 8), behind(reply(3000), kHeaders));
}

// Reference 6.2: it is the outer packet that is cut.
TEST(ReassembledIpv6, IsCutAgainAroundATunnel) {
  Reassembled f{Tunnel{}};
  ASSERT_EQ(describe(f.handle(request(4000))), "forwarded");
  Bytes expected = request(4000);
  expected[7] = std::byte{63};
  EXPECT_EQ(f.together(1500), expected);
  Reassembled v4{Tunnel{}, "10.0.2.11"};
  ASSERT_EQ(describe(v4.handle(request(4000))), "forwarded");
  EXPECT_EQ(v4.sent.size(), 3U);
  for (const Sent& piece : v4.sent) EXPECT_LE(piece.packet.size(), 1500U);
}

// RFC 7739: where every director begins at the same number, the fragments of two are joined.
TEST(ReassembledIpv6, HasTheIdsThatItsDirectorBeganWith) {
  const auto id_of = [](std::uint32_t first) {
    DirectorSettings settings{.connection_limit = 10, .seed = {1, 2}};
    settings.first_fragment_id = first;
    Director director(settings, std::make_shared<const Network>(both_families()));
    Emissions out;
    Changes changes;
    changes.added = {Reassembled::service(DirectRouting{}, kServer)};
    director.apply(changes, TimePoint{}, out);
    OwnedPacket owned(request(4000));
    PacketBuffer buffer = owned.buffer();
    buffer.set_arrival(InterfaceIndex{1});
    EXPECT_EQ(describe(director.handle(buffer, TimePoint{}, out)), "forwarded");
    const auto chain = walk_extensions(out.list().at(0).packet, 0);
    return chain->fragment.id.host();
  };
  EXPECT_EQ(id_of(1), 1U);
  EXPECT_EQ(id_of(0xfedcba98U), 0xfedcba98U);
}

TEST(ReassembledIpv6, IsNotWhatTheLinkCanHaveCarried) {
  Reassembled f{Tunnel{}};
  EXPECT_EQ(describe(f.handle(request(1461))), "drop fragmentation-needed");
  EXPECT_EQ(describe(f.handle(request(1500))), "drop fragmentation-needed");
  EXPECT_EQ(describe(f.handle(request(1501))), "forwarded");
  Network::Parts jumbo = both_families();
  jumbo.interfaces[0].mtu = 9000;
  Reassembled g{DirectRouting{}, kServer, jumbo};
  EXPECT_EQ(describe(g.handle(request(4000))), "drop fragmentation-needed");
  g.arrival = kNoInterface;
  EXPECT_EQ(describe(g.handle(request(4000))), "drop fragmentation-needed");
}

}  // namespace
}  // namespace lvsd
