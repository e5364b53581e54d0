// SPDX-License-Identifier: GPL-2.0-or-later
// FTP through NAT: which data connections are expected, what becomes of answers and of the numbers
// behind them.
#include <gtest/gtest.h>

#include "lvsd/config/diff.h"
#include "support/director_fixture.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better
using std::chrono::seconds;

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100", kServer = "10.0.2.11";
constexpr std::uint8_t kSyn = 0x02, kSynAck = 0x12, kAck = 0x10, kPush = 0x18;
const ServiceKey kFtp{ServiceProtocol::tcp, endpoint(kVip, 21)};

VirtualService ftp_service(std::uint16_t server_port = 21, Helper helper = Helper::ftp) {
  VirtualService service =
      tcp_service(21, Masquerade{}, {{endpoint(kServer, server_port), Masquerade{}, Weight(1)}});
  service.helper = helper;
  return service;
}

// A control connection, and what its two ends say. `sent()` is what the last of them became.
struct Control : DirectorFixture {
  explicit Control(VirtualService service = ftp_service()) : DirectorFixture({service}) {
    port = service.destinations.front().endpoint.port.host();
    from_client(kSyn);
    from_server(kSynAck);
    from_client(kAck);
  }
  std::string from_client(std::uint8_t flags, std::string_view words = {}, Bytes options = {}) {
    TcpFields tcp{.source = 40000, .destination = 21, .sequence = client_sequence};
    tcp.acknowledgment = acknowledged;
    tcp.flags = flags;
    tcp.options = std::move(options);
    return describe(handle(tcp_packet({.source = kClient, .destination = kVip}, tcp, text(words))));
  }
  std::string from_server(std::uint8_t flags, std::string_view words = {}) {
    const TcpFields tcp{.source = port,
                        .destination = 40000,
                        .sequence = server_sequence,
                        .acknowledgment = client_sequence,
                        .flags = flags};
    return describe(
        handle(tcp_packet({.source = kServer, .destination = kClient}, tcp, text(words))));
  }
  // The server's segment with those words, as the client must get it.
  Bytes at_client(std::uint32_t sequence, std::string_view words) const {
    const TcpFields tcp{.source = 21,
                        .destination = 40000,
                        .sequence = sequence,
                        .acknowledgment = client_sequence,
                        .flags = kPush};
    return tcp_packet({.source = kVip, .destination = kClient, .ttl = 63}, tcp, text(words));
  }
  std::string data_syn(std::uint16_t to, std::string_view who = kClient) {
    return describe(handle(tcp_packet({.source = who, .destination = kVip},
                                      {.source = 40002, .destination = to, .flags = kSyn})));
  }
  std::string server_syn(std::uint16_t to, std::uint16_t source = 20,
                         std::string_view who = kClient) {
    return describe(handle(tcp_packet({.source = kServer, .destination = who},
                                      {.source = source, .destination = to, .flags = kSyn})));
  }
  const Bytes& out() const { return sent.at(0).packet; }

  std::uint16_t port = 21;
  std::uint32_t client_sequence = 1000, server_sequence = 5000, acknowledged = 5000;
};

// The virtual address is longer than the server's, and the segment is as large as one can be.
TEST(FtpPassive, AnAnswerThatCannotGrowIsDropped) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  std::string words = "227 E (0,0,0,0,9,9)\r\n";
  words.resize(65535 - 40, 'x');
  EXPECT_EQ(f.from_server(kPush, words), "drop fragmentation-needed");
}

TEST(FtpPassive, TheAnswerNamesTheVirtualAddress) {
  Control f;
  ASSERT_EQ(f.from_client(kPush, "PASV\r\n"), "forwarded");
  ASSERT_EQ(f.from_server(kPush, "227 Entering Passive Mode (10,0,2,11,117,48).\r\n"), "forwarded");
  EXPECT_TRUE(same_packet(f.at_client(5000, "227 Entering Passive Mode (10,0,3,100,117,48).\r\n"),
                          f.out()));
  ASSERT_EQ(f.data_syn(30000), "forwarded");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kClient, .destination = kServer, .ttl = 63},
                                     {.source = 40002, .destination = 30000, .flags = kSyn}),
                          f.out()));
  const TcpFields answer{.source = 30000, .destination = 40002, .flags = kSynAck};
  ASSERT_EQ(describe(f.handle(tcp_packet({.source = kServer, .destination = kClient}, answer))),
            "forwarded");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kVip, .destination = kClient, .ttl = 63}, answer),
                          f.out()));
}

TEST(FtpPassive, NumbersBehindTheAnswerAreShifted) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  const std::string answer = "227 (10,0,2,11,117,48)\r\n";
  f.from_server(kPush, answer);
  const auto size = static_cast<std::uint32_t>(answer.size());
  f.server_sequence += size;
  ASSERT_EQ(f.from_server(kPush, "150 ok\r\n"), "forwarded");
  EXPECT_TRUE(same_packet(f.at_client(5000 + size + 1, "150 ok\r\n"), f.out()));
  f.acknowledged = 5000 + size + 1 + 8;
  f.from_client(kAck);
  EXPECT_TRUE(same_packet(tcp_packet({.source = kClient, .destination = kServer, .ttl = 63},
                                     {.source = 40000,
                                      .destination = 21,
                                      .sequence = 1000,
                                      .acknowledgment = 5000 + size + 8,
                                      .flags = kAck}),
                          f.out()));
}

TEST(FtpPassive, SelectiveAcknowledgmentsAreShiftedToo) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  f.from_server(kPush, "227 (10,0,2,11,117,48)\r\n");  // 24 bytes, then 25
  Bytes block{std::byte{1}, std::byte{1}, std::byte{5}, std::byte{10}};
  for (const std::uint32_t edge : {5100U, 5200U}) {
    for (int shift = 24; shift >= 0; shift -= 8) block.push_back(std::byte(edge >> shift & 0xffU));
  }
  f.acknowledged = 5025;
  ASSERT_EQ(f.from_client(kAck, {}, block), "forwarded");
  block[7] = std::byte(5099 & 0xff);
  block[11] = std::byte(5199 & 0xff);
  EXPECT_TRUE(same_packet(
      tcp_packet({.source = kClient, .destination = kServer, .ttl = 63}, {.source = 40000,
                                                                          .destination = 21,
                                                                          .sequence = 1000,
                                                                          .acknowledgment = 5024,
                                                                          .flags = kAck,
                                                                          .options = block}),
      f.out()));
}

// The kernel's helper would let the server's address out.
TEST(FtpPassive, AnAnswerSentAgainIsRewrittenAgain) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  const std::string answer = "227 (10,0,2,11,117,48)\r\n";
  f.from_server(kPush, answer);
  const Bytes first = f.out();
  f.from_server(kPush, answer);
  EXPECT_TRUE(same_packet(first, f.out()));
  EXPECT_EQ(f.destination(kFtp, kServer).inactive, 1U);  // still one data connection
  f.server_sequence += static_cast<std::uint32_t>(answer.size());
  f.from_server(kPush, "226 done\r\n");
  EXPECT_TRUE(same_packet(
      f.at_client(5000 + static_cast<std::uint32_t>(answer.size()) + 1, "226 done\r\n"), f.out()));
}

TEST(FtpPassive, TwoAnswersAddUp) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  f.from_server(kPush, "227 (10,0,2,11,117,48)\r\n");
  f.server_sequence += 24;
  f.client_sequence += 6;
  f.from_client(kPush, "PASV\r\n");
  f.from_server(kPush, "227 (10,0,2,11,117,49)\r\n");
  EXPECT_TRUE(same_packet(f.at_client(5025, "227 (10,0,3,100,117,49)\r\n"), f.out()));
  f.server_sequence += 24;
  f.from_server(kPush, "226 done\r\n");
  EXPECT_TRUE(same_packet(f.at_client(5050, "226 done\r\n"), f.out()));
  EXPECT_EQ(f.data_syn(30001), "forwarded");
  EXPECT_EQ(f.data_syn(30000), "forwarded");
}

TEST(FtpPassive, ExtendedKeepsItsLength) {
  Control f;
  f.from_client(kPush, "EPSV\r\n");
  f.from_server(kPush, "229 Entering Extended Passive Mode (|||30000|)\r\n");
  EXPECT_TRUE(same_packet(f.at_client(5000, "229 Entering Extended Passive Mode (|||30000|)\r\n"),
                          f.out()));
  f.from_client(kPush, "EPSV 1\r\n");
  f.server_sequence += 48;
  f.from_server(kPush, "229 ok (|1|10.0.2.11|30001|)\r\n");
  EXPECT_TRUE(same_packet(f.at_client(5048, "229 ok (|||30001|)\r\n"), f.out()));
  EXPECT_EQ(f.data_syn(30000), "forwarded");
  EXPECT_EQ(f.data_syn(30001), "forwarded");
}

TEST(FtpPassive, OneClientPortPerAnnouncement) {
  Control f;
  f.from_client(kPush, "EPSV\r\n");
  f.from_server(kPush, "229 ok (|||30000|)\r\n");
  EXPECT_EQ(f.data_syn(30000), "forwarded");
  EXPECT_EQ(f.data_syn(30000), "forwarded");  // the same SYN again
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                         {.source = 40003, .destination = 30000}))),
            "accept no-service");
}

TEST(FtpPassive, OnlyForTheClientWhoAsked) {
  Control f;
  f.from_client(kPush, "EPSV\r\n");
  f.from_server(kPush, "229 ok (|||30000|)\r\n");
  EXPECT_EQ(f.data_syn(30000, "10.1.0.8"), "accept no-service");
}

TEST(FtpPassive, AnAnnouncementLastsTwoMinutes) {
  for (const int wait : {119, 121}) {
    Control f;
    f.from_client(kPush, "EPSV\r\n");
    f.from_server(kPush, "229 ok (|||30000|)\r\n");
    f.pass(seconds(wait));
    EXPECT_EQ(f.data_syn(30000), wait < 120 ? "forwarded" : "accept no-service");
  }
}

TEST(FtpPassive, UnaskedAnswersAreText) {
  Control f;
  const std::string answer = "227 (10,0,2,11,117,48)\r\n";
  f.from_server(kPush, answer);
  EXPECT_TRUE(same_packet(f.at_client(5000, answer), f.out()));
  EXPECT_EQ(f.data_syn(30000), "accept no-service");
}

TEST(FtpPassive, AServerCannotNameAnotherHost) {
  Control f;
  f.from_client(kPush, "PASV\r\n");
  const std::string answer = "227 (10,0,2,12,0,22)\r\n";
  f.from_server(kPush, answer);
  EXPECT_TRUE(same_packet(f.at_client(5000, answer), f.out()));
  EXPECT_EQ(f.data_syn(22), "accept no-service");
}

// Servers that were told their public address, or none.
TEST(FtpPassive, AServerMayNameTheVirtualAddressOrNone) {
  for (const char* named : {"10,0,3,100", "0,0,0,0"}) {
    Control f;
    f.from_client(kPush, "PASV\r\n");
    f.from_server(kPush, "227 (" + std::string(named) + ",117,48)\r\n");
    EXPECT_TRUE(same_packet(f.at_client(5000, "227 (10,0,3,100,117,48)\r\n"), f.out())) << named;
    EXPECT_EQ(f.data_syn(30000), "forwarded");
  }
}

TEST(FtpActive, TheServersSynLeavesFromThePortBelow) {
  Control f;
  ASSERT_EQ(f.from_client(kPush, "PORT 10,1,0,7,156,74\r\n"), "forwarded");
  ASSERT_EQ(f.server_syn(40010), "forwarded");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kVip, .destination = kClient, .ttl = 63},
                                     {.source = 20, .destination = 40010, .flags = kSyn}),
                          f.out()));
  ASSERT_EQ(describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                         {.source = 40010, .destination = 20, .flags = kSynAck}))),
            "forwarded");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kClient, .destination = kServer, .ttl = 63},
                                     {.source = 40010, .destination = 20, .flags = kSynAck}),
                          f.out()));
}

TEST(FtpActive, AServerOnAnotherPort) {
  Control f(ftp_service(2121));
  ASSERT_EQ(f.from_client(kPush, "EPRT |1|10.1.0.7|40010|\r\n"), "forwarded");
  ASSERT_EQ(f.server_syn(40010, 2120), "forwarded");
  EXPECT_TRUE(same_packet(tcp_packet({.source = kVip, .destination = kClient, .ttl = 63},
                                     {.source = 20, .destination = 40010, .flags = kSyn}),
                          f.out()));
}

// The bounce attack (RFC 2577): the server must not be lent the director's address for it.
TEST(FtpActive, AClientCannotNameAnotherHost) {
  Control f;
  for (const char* words :
       {"PORT 10,1,0,8,156,74\r\n", "EPRT |1|10.1.0.8|40010|\r\n", "PORT 10,0,2,12,0,22\r\n"}) {
    ASSERT_EQ(f.from_client(kPush, words), "forwarded");
  }
  EXPECT_EQ(f.server_syn(40010, 20, "10.1.0.8"), "accept no-service");
  EXPECT_EQ(f.destination(kFtp, kServer).inactive, 0U);
}

TEST(FtpActive, CommandsCutInTwoAnnounceNothing) {
  Control f;
  f.from_client(kPush, "PORT 10,1,0,7,156,7");
  f.client_sequence += 19;
  f.from_client(kPush, "4\r\n");
  EXPECT_EQ(f.server_syn(40010), "accept no-service");
}

TEST(FtpControl, DataConnectionsKeepItAlive) {
  Control f;
  f.from_client(kPush, "EPSV\r\n");
  f.from_server(kPush, "229 ok (|||30000|)\r\n");
  f.data_syn(30000);
  const auto data = [&] {
    return describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                        {.source = 40002, .destination = 30000, .flags = kAck})));
  };
  data();  // established now
  for (int i = 0; i < 4; ++i) {
    f.pass(seconds(800));
    ASSERT_EQ(data(), "forwarded");
  }
  EXPECT_EQ(f.from_client(kAck), "forwarded");
  f.pass(seconds(2000));
  EXPECT_EQ(f.from_client(kAck), "accept not-schedulable");
  EXPECT_EQ(f.director.snapshot().connections, 0U);
}

// A template controls the control connection, which controls the data connection.
TEST(FtpControl, GoesWithItsRemovedDestinationToTheLastTemplate) {
  VirtualService service = ftp_service();
  service.persistence = Persistence{.timeout = seconds(1000)};
  Control f(service);
  f.from_client(kPush, "PASV\r\n");
  f.from_server(kPush, "227 (10,0,2,11,117,48)\r\n");
  ASSERT_EQ(f.data_syn(30000), "forwarded");
  ASSERT_EQ(f.director.snapshot().connections, 3U);
  VirtualService empty = service;
  empty.destinations.clear();
  Config before, after;
  before.services = {service};
  after.services = {empty};
  Changes changes = diff(before, after);
  changes.ipvs = IpvsOptions();
  changes.ipvs->expire_nodest_conn = true;
  f.apply(changes);
  f.pass({});
  EXPECT_EQ(f.director.snapshot().connections, 0U);
  EXPECT_TRUE(f.director.snapshot().services.at(0).destinations.empty());
}

TEST(FtpControl, WithoutTheHelperAllIsText) {
  Control f(ftp_service(21, Helper::none));
  f.from_client(kPush, "PASV\r\n");
  const std::string answer = "227 (10,0,2,11,117,48)\r\n";
  f.from_server(kPush, answer);
  EXPECT_TRUE(same_packet(f.at_client(5000, answer), f.out()));
}

TEST(FtpControl, ADamagedSegmentIsDroppedBeforeItIsRead) {
  Control f;
  Bytes packet = tcp_packet({.source = kClient, .destination = kVip},
                            {.source = 40000, .destination = 21, .sequence = 1000, .flags = kPush},
                            text("PORT 10,1,0,7,156,74\r\n"));
  packet[50] ^= std::byte{1};
  EXPECT_EQ(describe(f.handle(packet)), "drop bad-tcp-checksum");
  EXPECT_EQ(f.server_syn(40010), "accept no-service");
}

TEST(FtpControl, AFullTableLosesTheAnswerNotTheAddress) {
  VirtualService service = ftp_service();
  DirectorFixture f({service}, director_network(), 1);
  f.handle(tcp_packet({.source = kClient, .destination = kVip}, {.destination = 21}));
  const auto say = [&](std::string_view words) {
    return describe(f.handle(tcp_packet({.source = kClient, .destination = kVip},
                                        {.destination = 21, .flags = kPush}, text(words))));
  };
  say("x\r\n");
  say("EPSV\r\n");
  EXPECT_EQ(describe(f.handle(tcp_packet({.source = kServer, .destination = kClient},
                                         {.source = 21, .destination = 40000, .flags = kPush},
                                         text("229 (|||30000|)\r\n")))),
            "drop connection-table-full");
}

}  // namespace
}  // namespace lvsd
