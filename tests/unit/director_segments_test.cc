// SPDX-License-Identifier: GPL-2.0-or-later
// Super-packets, and TCP cut to fit a tunnel: what leaves is what the sender's own segments would
// have become.
#include <gtest/gtest.h>

#include "lvsd/forward/icmp_error.h"
#include "lvsd/forward/rewrite.h"
#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100", kServer = "10.0.2.11";
constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kPsh = 0x08, kFin = 0x01, kCwr = 0x80;
constexpr Offload kSuper{.unfinished_checksum = true, .aggregated = true};

Destination to(std::string_view text, std::uint16_t port) {
  return {endpoint(text, port), DirectRouting{}, Weight(1)};
}
VirtualService service(const ForwardingMethod& method, std::uint16_t port = 80) {
  return tcp_service(80, method, {to(kServer, port)});
}

Bytes mss(std::uint16_t value) {
  return {std::byte{2}, std::byte{4}, static_cast<std::byte>(value >> 8U),
          static_cast<std::byte>(value & 0xffU)};
}
Bytes counting(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7 + i / 251);
  return out;
}

const IpFields kUp{.source = kClient, .destination = kVip, .id = 500, .dont_fragment = true};
const IpFields kDown{.source = kServer, .destination = kClient, .id = 700, .dont_fragment = true};

// As a device leaves it to another: the checksum is that of the pseudo header.
Bytes begun(Bytes packet) {
  begin_tcp_checksum(packet, *parse_packet(packet));
  return packet;
}
Bytes super(const IpFields& ip, TcpFields tcp, std::size_t size) {
  if (tcp.flags == kSyn) tcp.flags = kAck;
  return begun(tcp_packet(ip, tcp, counting(size)));
}
Bytes syn(std::uint16_t size) {
  return tcp_packet(kUp, {.options = size != 0 ? mss(size) : Bytes()});
}
Bytes payload_of(const Bytes& packet) {
  const auto view = parse_packet(packet);
  return {packet.begin() + view->payload_offset, packet.end()};
}

struct Established : DirectorFixture {
  explicit Established(const VirtualService& virtual_service, std::uint16_t size = 1460)
      : DirectorFixture({virtual_service}) {
    EXPECT_EQ(describe(handle(syn(size))), "forwarded");
  }
  std::size_t request(std::size_t size) {
    EXPECT_EQ(describe(handle(super(kUp, {}, size), 0, kSuper)), "forwarded");
    return sent.at(0).unfinished.segment_size;
  }
  std::size_t reply(std::size_t size) {
    EXPECT_EQ(describe(handle(super(kDown, {.source = 80, .destination = 40000}, size), 0, kSuper)),
              "forwarded");
    return sent.at(0).unfinished.segment_size;
  }
};

TEST(SuperPackets, LeaveWholeWithTheirSegmentSize) {
  Established f(service(DirectRouting{}));
  EXPECT_EQ(f.request(14600), 1460U);
  ASSERT_EQ(f.sent.size(), 1U);
  EXPECT_EQ(f.sent[0].unfinished.transport_offset, 20U);
  IpFields ip = kUp;
  ip.ttl = 63;
  EXPECT_EQ(f.sent[0].packet, begun(tcp_packet(ip, {.flags = kAck}, counting(14600))));
  const TcpFields stamped{.flags = kAck, .options = Bytes(12, std::byte{1})};
  f.handle(super(kUp, stamped, 14600), 0, kSuper);
  EXPECT_EQ(f.sent.at(0).unfinished.segment_size, 1448U);  // an MSS counts options as payload
  EXPECT_EQ(f.request(1000), 0U);                          // one segment after all
}

TEST(SuperPackets, AreRewrittenWithTheSumOfTheNewPseudoHeader) {
  Established f(service(Masquerade{}, 8080));
  f.request(5000);
  IpFields ip = kUp;
  ip.ttl = 63;
  ip.destination = kServer;
  EXPECT_EQ(f.sent.at(0).packet,
            begun(tcp_packet(ip, {.destination = 8080, .flags = kAck}, counting(5000))));
}

TEST(SuperPackets, UnfinishedChecksumOfASingleSegmentStaysUnfinished) {
  Established f(service(Masquerade{}));
  const Bytes one = super(kUp, {}, 300);
  ASSERT_EQ(describe(f.handle(one, 0, {.unfinished_checksum = true})), "forwarded");
  EXPECT_EQ(f.sent.at(0).unfinished, (Unfinished{.transport_offset = 20, .segment_size = 0}));
  Bytes whole = f.sent[0].packet;
  finish_tcp_checksum(whole, *parse_packet(whole));
  EXPECT_EQ(wrong_with(whole), "");
}

TEST(SuperPackets, SegmentsAreNoLargerThanEitherEndAnnounced) {
  EXPECT_EQ(Established(service(DirectRouting{}), 1360).request(9000), 1360U);
  EXPECT_EQ(Established(service(DirectRouting{}), 8960).request(9000), 1460U);  // the link's MTU
  EXPECT_EQ(Established(service(DirectRouting{}), 0).request(9000), 1460U);
  Established f(service(Masquerade{}));
  const Bytes answer = tcp_packet(
      kDown, {.source = 80, .destination = 40000, .flags = kSyn | kAck, .options = mss(1220)});
  f.handle(answer);
  EXPECT_EQ(f.request(9000), 1220U);
  EXPECT_EQ(f.reply(9000), 1220U);
}

// However small: it is their own. Below 88 nobody has a reason to.
TEST(SuperPackets, SegmentsAreAsSmallAsAnEndAnnounced) {
  EXPECT_EQ(Established(service(DirectRouting{}), 400).request(9000), 400U);
  EXPECT_EQ(Established(service(DirectRouting{}), 88).request(9000), 88U);
  EXPECT_EQ(Established(service(DirectRouting{}), 1).request(9000), 88U);
  Established f(service(Masquerade{}), 400);
  EXPECT_EQ(f.reply(9000), 400U);
  f.handle(tcp_packet(kUp, {.flags = kAck}, counting(300)));  // a window's rest
  EXPECT_EQ(f.request(9000), 400U);
  f.handle(tcp_packet(kUp, {.flags = kAck}, counting(400)));
  EXPECT_EQ(f.request(9000), 400U);
}

TEST(SuperPackets, AnIcmpErrorMakesNoSegmentSmallerThanAnyPathAsksFor) {
  const auto after_an_error = [](std::uint16_t announced) {
    Established f(service(Masquerade{}), announced);
    const Bytes quoted = tcp_packet({.source = kVip, .destination = kClient},
                                    {.source = 80, .destination = 40000, .flags = kAck});
    f.handle(icmp_error({.source = "10.0.1.2", .destination = kVip},
                        {.type = 3, .code = 4, .rest = 100}, quoted));
    return f.reply(9000);
  };
  EXPECT_EQ(after_an_error(1460), 512U);
  EXPECT_EQ(after_an_error(400), 400U);
}

TEST(SuperPackets, SegmentsFollowAnIcmpErrorOfThePath) {
  Established f(service(Masquerade{}));
  EXPECT_EQ(f.reply(9000), 1460U);
  const Bytes quoted = tcp_packet({.source = kVip, .destination = kClient},
                                  {.source = 80, .destination = 40000, .flags = kAck});
  f.handle(icmp_error({.source = "10.0.1.2", .destination = kVip},
                      {.type = 3, .code = 4, .rest = 1400}, quoted));
  EXPECT_EQ(f.reply(9000), 1360U);
  EXPECT_EQ(f.request(9000), 1460U);  // the other direction is another path
}

TEST(SuperPackets, SegmentsFollowASingleOneFromTheMiddleOfAWrite) {
  Established f(service(DirectRouting{}));
  const auto single = [&f](std::size_t size, unsigned flags) {
    f.handle(tcp_packet(kUp, {.flags = static_cast<std::uint8_t>(flags)}, counting(size)));
  };
  single(600, kAck | kPsh);  // the end of a write says nothing
  EXPECT_EQ(f.request(9000), 1460U);
  single(1360, kAck);
  EXPECT_EQ(f.request(9000), 1360U);
  single(100, kAck);  // nobody's segments are that small
  EXPECT_EQ(f.request(9000), 1360U);
  single(1448, kAck);
  EXPECT_EQ(f.request(9000), 1448U);
}

TEST(SuperPackets, WaitForTheirNeighbourAsTheyAre) {
  Network::Parts parts = director_network();
  parts.neighbors.clear();
  DirectorFixture f({service(DirectRouting{})}, parts);
  ASSERT_EQ(describe(f.handle(syn(1460))), "held");
  ASSERT_EQ(describe(f.handle(super(kUp, {}, 9000), 0, kSuper)), "held");
  f.set_network(director_network());
  ASSERT_EQ(f.sent.size(), 2U);
  EXPECT_EQ(f.sent[1].unfinished, (Unfinished{.transport_offset = 20, .segment_size = 1460}));
}

// However many segments it has: 64 may wait for one neighbour, or what one packet is.
TEST(SuperPackets, OfManySegmentsWaitForTheirNeighbourToo) {
  Network::Parts parts = director_network();
  std::erase_if(parts.neighbors, [](const auto& n) { return n.address == address(kServer); });
  for (const ForwardingMethod& method :
       {ForwardingMethod{DirectRouting{}}, {Masquerade{}}, {Tunnel{}}}) {
    Established f(service(method), 536);
    f.set_network(parts);
    ASSERT_EQ(describe(f.handle(super(kUp, {}, 60000), 0, kSuper)), "held");
    EXPECT_EQ(describe(f.handle(super(kUp, {}, 1000), 0, kSuper)), "drop neighbor-queue-full");
    f.set_network(director_network());
    const bool tunnel = std::holds_alternative<Tunnel>(method);
    ASSERT_EQ(f.sent.size(), tunnel ? 112U : 1U);
    ASSERT_EQ(describe(f.handle(super(kUp, {}, 60000), 0, kSuper)), "forwarded");
  }
}

// Where the kernel routes, nobody cuts for us.
TEST(SuperPackets, AreCutWhereALinkHasNoAddresses) {
  Network::Parts parts = director_network();
  parts.interfaces[1].mac.reset();
  DirectorFixture f({service(Masquerade{})}, parts);
  f.handle(syn(1460));
  ASSERT_EQ(describe(f.handle(super(kUp, {}, 3000), 0, kSuper)), "forwarded");
  ASSERT_EQ(f.sent.size(), 3U);
  for (const Sent& segment : f.sent) {
    EXPECT_EQ(segment.kind, EmissionKind::routed);
    EXPECT_EQ(segment.unfinished, Unfinished{});
    EXPECT_EQ(wrong_with(segment.packet), "");
  }
}

TEST(SuperPackets, AreFinishedForTheLocalStack) {
  Network::Parts parts = director_network();
  DirectorFixture f({tcp_service(80, Masquerade{}, {to("10.0.2.1", 8080)})}, parts);
  ASSERT_EQ(describe(f.handle(begun(syn(1460)), 0, {.unfinished_checksum = true})),
            "accept local-node changed");
  EXPECT_EQ(wrong_with(f.changed), "");
}

TEST(TunnelSegments, FitTheTunnelAndAreTheSendersData) {
  Established f(service(Tunnel{}));
  TcpFields tcp{.flags = kAck | kPsh | kFin | kCwr};
  ASSERT_EQ(describe(f.handle(super(kUp, tcp, 4000), 0, kSuper)), "forwarded");
  ASSERT_EQ(f.sent.size(), 3U);
  Bytes data;
  for (std::size_t i = 0; i < f.sent.size(); ++i) {
    const Bytes& outer = f.sent[i].packet;
    EXPECT_LE(outer.size(), 1500U);
    EXPECT_EQ(wrong_with(outer), "");
    const Bytes inner(outer.begin() + 20, outer.end());
    IpFields ip = kUp;
    ip.ttl = 63;
    ip.id = static_cast<std::uint16_t>(500 + i);
    tcp.sequence = static_cast<std::uint32_t>(1000 + 1440 * i);
    tcp.flags =
        static_cast<std::uint8_t>(kAck | (i == 0 ? kCwr : 0U) | (i == 2 ? kPsh | kFin : 0U));
    EXPECT_TRUE(same_packet(tcp_packet(ip, tcp, payload_of(inner)), inner));
    const Bytes part = payload_of(inner);
    data.insert(data.end(), part.begin(), part.end());
  }
  EXPECT_EQ(data, counting(4000));
}

TEST(TunnelSegments, SplitCutsASingleSegmentAndTellsNobody) {
  for (const Tunnel& tunnel :
       {Tunnel{}, Tunnel{Encapsulation::gre, {}, TunnelChecksum::present},
        Tunnel{Encapsulation::gue, Port(std::uint16_t{6080}), TunnelChecksum::present}}) {
    Established f(service(tunnel));
    const Bytes full = tcp_packet(kUp, {.flags = kAck}, counting(1460));
    ASSERT_EQ(describe(f.handle(full)), "forwarded");
    ASSERT_EQ(f.sent.size(), 2U);
    for (const Sent& segment : f.sent) {
      EXPECT_EQ(segment.destination, mac_of(kServer));
      EXPECT_LE(segment.packet.size(), 1500U);
      EXPECT_EQ(wrong_with(segment.packet), "");
    }
  }
}

TEST(TunnelSegments, IcmpTellsTheSenderInstead) {
  VirtualService web = service(Tunnel{});
  web.oversize = Oversize::icmp;
  Established f(web);
  EXPECT_EQ(describe(f.handle(tcp_packet(kUp, {.flags = kAck}, counting(1460)))),
            "drop fragmentation-needed");
  EXPECT_EQ(describe(f.handle(super(kUp, {}, 3000), 0, kSuper)), "forwarded");
  EXPECT_EQ(f.sent.size(), 3U);  // a super-packet was cut by nobody yet
}

// Both ends of the tunnel are IPv6, and a router in between takes its minimum only.
TEST(TunnelSegments, FitAPathOfIpv6sMinimum) {
  Network::Parts parts = director_network();
  parts.interfaces[1].addresses.push_back({address("fd00:2::1"), 64});
  parts.neighbors.push_back({address("fd00:2::11"), InterfaceIndex{2}, mac_of(kServer)});
  const VirtualService web = tcp_service(80, Tunnel{}, {to("fd00:2::11", 80)});
  DirectorFixture f({web}, parts);
  ASSERT_EQ(describe(f.handle(syn(1460))), "forwarded");
  const Bytes outer = f.sent.at(0).packet;
  Emissions memory;
  f.handle(make_icmp_error(memory, {.code = icmp::kFragmentationNeeded, .mtu = 1280},
                           address("fd00:2::2"), address("fd00:2::1"), outer, 1));
  const Bytes single = tcp_packet(kUp, {.flags = kAck}, counting(1230));  // 1270 bytes
  ASSERT_EQ(describe(f.handle(single)), "forwarded");
  EXPECT_EQ(f.sent.size(), 2U);
  for (const Sent& segment : f.sent) EXPECT_LE(segment.packet.size(), 1280U);
  ASSERT_EQ(describe(f.handle(super(kUp, {}, 6000), 0, kSuper)), "forwarded");
  EXPECT_EQ(f.sent.size(), 5U);  // of 1200 bytes each
  for (const Sent& segment : f.sent) EXPECT_EQ(segment.packet.size(), 1280U);
}

TEST(TunnelSegments, SplitLeavesDatagramsToIcmp) {
  DirectorFixture f({udp_service(53, Tunnel{}, {to(kServer, 53)})});
  EXPECT_EQ(describe(f.handle(udp_packet(kUp, {}, counting(1472)))), "drop fragmentation-needed");
}

}  // namespace
}  // namespace lvsd
