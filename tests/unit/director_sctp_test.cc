// SPDX-License-Identifier: GPL-2.0-or-later
// SCTP through the director: what is scheduled, what is rewritten, how an association ends; and
// IPsec packets, which follow the key exchange of the same two hosts.
#include <gtest/gtest.h>

#include "lvsd/net/headers.h"
#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100", kServer = "10.0.2.11";
const ServiceKey kDiameter{ServiceProtocol::sctp, endpoint(kVip, 3868)};
const ServiceKey kKeys{ServiceProtocol::udp, endpoint(kVip, 500)};

Destination to(std::string_view text, std::uint16_t port) {
  return {endpoint(text, port), Masquerade{}, Weight(1)};
}

Bytes request(std::uint8_t chunk, std::uint16_t port = 4000) {
  return sctp_packet({.source = kClient, .destination = kVip},
                     {.source = port, .destination = 3868}, sctp_chunk(chunk, pattern(9)));
}
Bytes reply(std::uint8_t chunk, std::uint16_t port = 4000) {
  return sctp_packet({.source = kServer, .destination = kClient},
                     {.source = 3869, .destination = port}, sctp_chunk(chunk, pattern(9)));
}

TEST(SctpPath, OnlyAnInitIsScheduled) {
  for (unsigned chunk = 0; chunk < 20; ++chunk) {
    DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
    EXPECT_EQ(describe(f.handle(request(static_cast<std::uint8_t>(chunk)))),
              chunk == sctp::kInit ? "forwarded" : "accept not-schedulable")
        << chunk;
  }
}

TEST(SctpPath, WithoutAChunkThereIsNothingToDecideBy) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
  const Bytes bare = sctp_packet({.source = kClient, .destination = kVip},
                                 {.source = 4000, .destination = 3868}, {});
  EXPECT_EQ(describe(f.handle(bare)), "drop truncated-transport");
  ASSERT_EQ(describe(f.handle(request(sctp::kInit))), "forwarded");
  EXPECT_EQ(describe(f.handle(bare)), "forwarded");
}

TEST(SctpPath, NatMapsPortsThereAndBack) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
  ASSERT_EQ(describe(f.handle(request(sctp::kInit))), "forwarded");
  EXPECT_TRUE(same_packet(
      sctp_packet({.source = kClient, .destination = kServer, .ttl = 63},
                  {.source = 4000, .destination = 3869}, sctp_chunk(sctp::kInit, pattern(9))),
      f.sent.at(0).packet));
  ASSERT_EQ(describe(f.handle(reply(sctp::kInitAck))), "forwarded");
  EXPECT_TRUE(same_packet(
      sctp_packet({.source = kVip, .destination = kClient, .ttl = 63},
                  {.source = 3868, .destination = 4000}, sctp_chunk(sctp::kInitAck, pattern(9))),
      f.sent.at(0).packet));
}

// Reference 6.5: the CRC covers no addresses, so without a new port it stays, right or wrong; with
// one it is made anew.
TEST(SctpPath, AWrongChecksumStaysWhereThePortDoes) {
  for (const std::uint16_t port : {std::uint16_t{3868}, std::uint16_t{3869}}) {
    DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, port)})});
    Bytes init = request(sctp::kInit);
    init[28] ^= std::byte{1};
    ASSERT_EQ(describe(f.handle(init)), "forwarded");
    EXPECT_EQ(wrong_with(f.sent.at(0).packet), port == 3868 ? "wrong CRC32c" : "");
  }
}

TEST(SctpPath, AFirstFragmentCannotHaveItsPortChanged) {
  for (const std::uint16_t port : {std::uint16_t{3868}, std::uint16_t{3869}}) {
    DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, port)})});
    const Bytes init =
        sctp_packet({.source = kClient, .destination = kVip}, {.source = 4000, .destination = 3868},
                    sctp_chunk(sctp::kInit, pattern(200)));
    const auto pieces = fragments(init, 104);
    ASSERT_EQ(pieces.size(), 3U);
    EXPECT_EQ(describe(f.handle(pieces[0])), port == 3868 ? "forwarded" : "drop sctp-fragment");
    EXPECT_EQ(describe(f.handle(pieces[1])), port == 3868 ? "forwarded" : "drop later-fragment");
  }
}

TEST(SctpPath, AnAssociationFromInitToComplete) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
  const auto active = [&] { return f.destination(kDiameter, kServer).active; };
  ASSERT_EQ(describe(f.handle(request(sctp::kInit))), "forwarded");
  f.handle(reply(sctp::kInitAck));
  f.handle(request(sctp::kCookieEcho));
  EXPECT_EQ(active(), 0U);
  f.handle(reply(sctp::kCookieAck));
  EXPECT_EQ(active(), 1U);
  f.pass(seconds(899));
  EXPECT_EQ(describe(f.handle(request(sctp::kHeartbeat))), "forwarded");
  f.handle(request(sctp::kShutdown));
  EXPECT_EQ(active(), 0U);
  f.handle(reply(sctp::kShutdownAck));
  f.handle(request(sctp::kShutdownComplete));
  EXPECT_EQ(f.destination(kDiameter, kServer).inactive, 1U);
  f.pass(seconds(62));
  EXPECT_EQ(f.destination(kDiameter, kServer).inactive, 0U);
}

TEST(SctpPath, AnAbortBehindACookieEndsIt) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
  f.handle(request(sctp::kInit));
  f.handle(reply(sctp::kCookieAck));
  ASSERT_EQ(f.destination(kDiameter, kServer).active, 1U);
  Bytes chunks = sctp_chunk(sctp::kCookieEcho);
  const Bytes abort = sctp_chunk(sctp::kAbort);
  chunks.insert(chunks.end(), abort.begin(), abort.end());
  f.handle(sctp_packet({.source = kClient, .destination = kVip},
                       {.source = 4000, .destination = 3868}, chunks));
  EXPECT_EQ(f.destination(kDiameter, kServer).active, 0U);
}

// Reference 2.7.
TEST(SctpPath, AnInitOnAClosedAssociationIsScheduledAnew) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869), to("10.0.2.12", 3869)})});
  ASSERT_EQ(describe(f.handle(request(sctp::kInit))), "forwarded");
  EXPECT_EQ(f.sent.at(0).destination, mac_of(kServer));
  f.handle(request(sctp::kInit));
  EXPECT_EQ(f.sent.at(0).destination, mac_of(kServer));
  f.handle(request(sctp::kAbort));
  f.handle(request(sctp::kData));
  EXPECT_EQ(f.sent.at(0).destination, mac_of(kServer));
  ASSERT_EQ(describe(f.handle(request(sctp::kInit))), "forwarded");
  EXPECT_EQ(f.sent.at(0).destination, mac_of("10.0.2.12"));
  EXPECT_EQ(f.destination(kDiameter, kServer).inactive, 0U);
}

TEST(SctpPath, AnIcmpErrorFindsItsAssociation) {
  DirectorFixture f({sctp_service(3868, Masquerade{}, {to(kServer, 3869)})});
  f.handle(request(sctp::kInit));
  const Bytes delivered = f.sent.at(0).packet;
  ASSERT_EQ(describe(f.handle(icmp_error({.source = kServer, .destination = kClient},
                                         {.type = 3, .code = 3}, delivered))),
            "forwarded");
  const Bytes& told = f.sent.at(0).packet;
  EXPECT_EQ(wrong_with(told), "");
  EXPECT_EQ(told[28 + 20 + 2], std::byte{3868 >> 8});
  EXPECT_EQ(told[28 + 20 + 3], std::byte{3868 & 0xff});
}

struct Ipsec : testing::TestWithParam<std::uint8_t> {
  static Bytes from_client(View body) {
    return ip_packet({.source = kClient, .destination = kVip}, GetParam(), body);
  }
  static Bytes from_server(View body) {
    return ip_packet({.source = kServer, .destination = kClient}, GetParam(), body);
  }
  static Bytes key_exchange() {
    return udp_packet({.source = kClient, .destination = kVip}, {.source = 500, .destination = 500},
                      text("ike"));
  }
};

TEST_P(Ipsec, FollowsTheKeyExchange) {
  DirectorFixture f({udp_service(500, Masquerade{}, {to(kServer, 500)})});
  EXPECT_EQ(describe(f.handle(from_client(pattern(30)))), "accept no-service");
  f.handle(key_exchange());
  ASSERT_EQ(describe(f.handle(from_client(pattern(30)))), "forwarded");
  EXPECT_TRUE(same_packet(
      ip_packet({.source = kClient, .destination = kServer, .ttl = 63}, GetParam(), pattern(30)),
      f.sent.at(0).packet));
  ASSERT_EQ(describe(f.handle(from_server(pattern(30)))), "forwarded");
  EXPECT_TRUE(same_packet(
      ip_packet({.source = kVip, .destination = kClient, .ttl = 63}, GetParam(), pattern(30)),
      f.sent.at(0).packet));
  EXPECT_EQ(f.destination(kKeys, kServer).statistics.packets_in, 2U);
  EXPECT_EQ(f.destination(kKeys, kServer).statistics.packets_out, 1U);
}

TEST_P(Ipsec, KeepsTheConnectionAlive) {
  DirectorFixture f({udp_service(500, Masquerade{}, {to(kServer, 500)})});
  f.handle(key_exchange());
  for (int i = 0; i < 5; ++i) {
    f.pass(seconds(299));
    ASSERT_EQ(describe(f.handle(i % 2 == 0 ? from_client({}) : from_server({}))), "forwarded");
  }
  f.pass(seconds(301));
  EXPECT_EQ(describe(f.handle(from_client({}))), "accept no-service");
}

TEST_P(Ipsec, FragmentsGoOneByOne) {
  DirectorFixture f({udp_service(500, Masquerade{}, {to(kServer, 500)})});
  f.handle(key_exchange());
  for (const Bytes& piece : fragments(from_client(pattern(200)), 80)) {
    EXPECT_EQ(describe(f.handle(piece)), "forwarded");
  }
}

TEST_P(Ipsec, AnIcmpErrorAboutItFollowsToo) {
  DirectorFixture f({udp_service(500, Masquerade{}, {to(kServer, 500)})});
  f.handle(key_exchange());
  f.handle(from_client(pattern(30)));
  const Bytes delivered = f.sent.at(0).packet;
  ASSERT_EQ(describe(f.handle(icmp_error({.source = kServer, .destination = kClient},
                                         {.type = 3, .code = 2}, delivered))),
            "forwarded");
  EXPECT_EQ(wrong_with(f.sent.at(0).packet), "");
}

INSTANTIATE_TEST_SUITE_P(EspAndAh, Ipsec, testing::Values(std::uint8_t{50}, std::uint8_t{51}));

}  // namespace
}  // namespace lvsd
