// SPDX-License-Identifier: GPL-2.0-or-later
// IPv4 options on their way through the director; what they are filled with is in
// ip_options_test.cc.
#include <gtest/gtest.h>

#include "lvsd/net/checksum.h"
#include "support/director_fixture.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

constexpr std::string_view kClient = "10.1.0.7", kVip = "10.0.3.100";
constexpr std::size_t kOptions = 20;  // where they are in a packet

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

const Bytes kRoute = bytes_of({7, 7, 4, 0, 0, 0, 0, 0});
const Bytes kTime = bytes_of({68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0});
const Bytes kBad = bytes_of({7, 7, 3, 0, 0, 0, 0, 0});
const Bytes kSource = bytes_of({131, 7, 4, 10, 0, 2, 12, 0});

Bytes request(const Bytes& options, std::string_view destination = kVip) {
  IpFields ip{.source = kClient, .destination = destination};
  ip.options = options;
  return udp_packet(ip, {.source = 4000, .destination = 53}, text("x"));
}

Bytes reply(const Bytes& options) {
  IpFields ip{.source = "10.0.2.11", .destination = kClient};
  ip.options = options;
  return udp_packet(ip, {.source = 53, .destination = 4000}, text("x"));
}

Destination server(const ForwardingMethod& method) {
  return {endpoint("10.0.2.11", 53), method, Weight(std::uint16_t{1})};
}

Bytes options_of(View packet, std::size_t size) {
  return {packet.begin() + kOptions, packet.begin() + kOptions + static_cast<std::ptrdiff_t>(size)};
}

bool header_is_right(View packet) {
  const auto header = load<Ipv4Header>(packet);
  return internet_checksum(packet.first(header->header_length())) == Be16();
}

TEST(IpOptionsPath, RequestsCarryTheVirtualAddressOn) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {server(DirectRouting{})})});
  ASSERT_EQ(describe(f.handle(request(kRoute))), "forwarded");
  EXPECT_EQ(options_of(f.sent.at(0).packet, 8), bytes_of({7, 7, 8, 10, 0, 3, 100, 0}));
  EXPECT_TRUE(header_is_right(f.sent.at(0).packet));
}

TEST(IpOptionsPath, TimestampsAreOfTheDay) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {server(DirectRouting{})})});
  // The fixture's clock says 4 days and 4 hours: 04:00:00 and 258 ms by what is added.
  f.director.set_utc_offset(std::chrono::hours(24) + std::chrono::milliseconds(258));
  ASSERT_EQ(describe(f.handle(request(kTime))), "forwarded");
  EXPECT_EQ(options_of(f.sent.at(0).packet, 12),
            bytes_of({68, 12, 13, 1, 10, 0, 3, 100, 0, 0xdb, 0xbb, 0x02}));
}

TEST(IpOptionsPath, RepliesCarryTheVirtualAddressAndOurs) {
  DirectorFixture f({udp_service(53, Masquerade{}, {server(Masquerade{})})});
  ASSERT_EQ(describe(f.handle(request({}))), "forwarded");
  ASSERT_EQ(describe(f.handle(reply(kRoute))), "forwarded");
  // The virtual address is not on this network's interfaces: the address that clients see is.
  EXPECT_EQ(options_of(f.sent.at(0).packet, 8), bytes_of({7, 7, 8, 10, 0, 1, 1, 0}));
  EXPECT_TRUE(header_is_right(f.sent.at(0).packet));
  ASSERT_EQ(describe(f.handle(reply(kTime))), "forwarded");
  EXPECT_EQ(options_of(f.sent.at(0).packet, 8), bytes_of({68, 12, 13, 1, 10, 0, 2, 1}));
}

TEST(IpOptionsPath, MalformedOnesAreAnsweredAndBeginNothing) {
  DirectorFixture f({udp_service(53, Masquerade{}, {server(Masquerade{})})});
  const auto is_answer = [&](std::string_view from, std::string_view to) {
    if (f.sent.size() != 1) return false;
    const Bytes& packet = f.sent[0].packet;
    const auto ip = load<Ipv4Header>(packet);
    return IpAddress(ip->source) == address(from) && IpAddress(ip->destination) == address(to) &&
           packet[20] == std::byte{12} && packet[21] == std::byte{0} &&
           packet[24] == std::byte{22} && packet[25] == std::byte{0};
  };
  EXPECT_EQ(describe(f.handle(request(kBad))), "drop bad-ip-options");
  EXPECT_TRUE(is_answer(kVip, kClient));
  EXPECT_EQ(f.director.snapshot().connections, 0U);
  f.handle(request({}));
  EXPECT_EQ(describe(f.handle(reply(kBad))), "drop bad-ip-options");
  EXPECT_TRUE(is_answer("10.0.2.1", "10.0.2.11"));
  EXPECT_EQ(describe(f.handle(request(kBad, "10.0.3.200"))), "accept not-ours");
  EXPECT_TRUE(f.sent.empty());
}

TEST(IpOptionsPath, SourceRoutesEndHere) {
  DirectorFixture f({udp_service(53, Masquerade{}, {server(Masquerade{})})});
  EXPECT_EQ(describe(f.handle(request(kSource))), "drop source-route");
  EXPECT_TRUE(f.sent.empty());
  EXPECT_EQ(f.director.snapshot().connections, 0U);
}

// In INPUT the stack has filled them in, and left the header's checksum as it was.
TEST(IpOptionsPath, WhatTheStackHasReadIsSentOnWithARightHeader) {
  DirectorFixture f({udp_service(53, DirectRouting{}, {server(DirectRouting{})})});
  Bytes packet = request(kRoute);
  const Bytes filled = bytes_of({7, 7, 8, 10, 0, 3, 100, 0});
  std::copy(filled.begin(), filled.end(), packet.begin() + kOptions);
  ASSERT_FALSE(header_is_right(packet));
  EXPECT_EQ(describe(f.handle(packet)), "drop bad-ip-checksum");

  PacketBuffer buffer(packet, 0, packet.size());
  buffer.set_options_done(true);
  Emissions out;
  EXPECT_EQ(describe(f.director.handle(buffer, f.now, out)), "forwarded");
  EXPECT_TRUE(header_is_right(buffer.bytes()));
  EXPECT_EQ(options_of(buffer.bytes(), 8), filled);
}

}  // namespace
}  // namespace lvsd
