// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/decapsulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace lvsd::decap {
namespace {

using Bytes = std::vector<std::byte>;

constexpr Ipv4Address::Bytes kDirector{10, 0, 2, 1}, kServer{10, 0, 2, 11};
constexpr Ipv4Address::Bytes kClient{10, 0, 1, 2}, kVip{10, 0, 3, 101};

Bytes ipv4(IpProtocol protocol, Ipv4Address source, Ipv4Address destination, const Bytes& payload) {
  Ipv4Header header;
  header.total_length = Be16(static_cast<std::uint16_t>(sizeof(header) + payload.size()));
  header.ttl = 64;
  header.protocol = static_cast<std::uint8_t>(protocol);
  header.source = source;
  header.destination = destination;
  finish_checksum(header);
  Bytes packet(sizeof(header) + payload.size());
  EXPECT_TRUE(store(packet, header));
  std::copy(payload.begin(), payload.end(), packet.begin() + sizeof(header));
  return packet;
}

Bytes datagram(const std::string& text, Be16 checksum) {
  const auto length = static_cast<std::uint16_t>(sizeof(UdpHeader) + text.size());
  const UdpHeader header{Be16(4000), Be16(53), Be16(length), checksum};
  Bytes bytes(length);
  EXPECT_TRUE(store(bytes, header));
  std::memcpy(bytes.data() + sizeof(header), text.data(), text.size());
  return bytes;
}

Bytes tunnelled(const Bytes& inner) {
  return ipv4(IpProtocol::ipip, Ipv4Address(kDirector), Ipv4Address(kServer), inner);
}

Bytes inner_udp(Be16 checksum = Be16(0x1234)) {
  return ipv4(IpProtocol::udp, Ipv4Address(kClient), Ipv4Address(kVip),
              datagram("hello", checksum));
}

const Trust kTrust{
    {*Prefix::parse("192.0.2.7"), *Prefix::parse("10.0.2.0/24"), *Prefix::parse("fd00:2::1")},
    {Ipv4Address(kVip), *IpAddress::parse("fd00:3::101")}};

Result<Inner, Refusal> taken_apart(std::span<const std::byte> outer, const Trust& trust = kTrust) {
  const auto arrival = arrival_of(outer);
  if (!arrival) return Unexpected{arrival.error()};
  return decapsulate(*arrival, trust);
}

Bytes ipv6_udp() {
  Ipv6Header header;
  const Bytes payload = datagram("hello", Be16(0x1234));
  header.payload_length = Be16(static_cast<std::uint16_t>(payload.size()));
  header.next_header = static_cast<std::uint8_t>(IpProtocol::udp);
  header.source = *IpAddress::parse("fd00:1::2");
  header.destination = *IpAddress::parse("fd00:3::101");
  Bytes packet(sizeof(header));
  EXPECT_TRUE(store(packet, header));
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes behind(std::initializer_list<int> header, const Bytes& inner) {
  Bytes bytes;
  for (const int value : header) bytes.push_back(static_cast<std::byte>(value));
  bytes.insert(bytes.end(), inner.begin(), inner.end());
  return bytes;
}

Arrival arrived(IpProtocol protocol, const Bytes& payload) {
  return {*IpAddress::parse("fd00:2::1"), *IpAddress::parse("fd00:2::11"), protocol, payload};
}

TEST(Decapsulate, TakesTheInnerPacketOutUntouched) {
  const Bytes inner = inner_udp();
  const Bytes outer = tunnelled(inner);
  const auto taken = taken_apart(outer);
  ASSERT_TRUE(taken);
  EXPECT_EQ(Bytes(taken->packet.begin(), taken->packet.end()), inner);
  EXPECT_FALSE(taken->unfinished);
}

TEST(Decapsulate, TakesEveryKindOfTunnelAndBothVersions) {
  const Bytes v4 = inner_udp(), v6 = ipv6_udp();
  struct Row {
    const char* what;
    IpProtocol protocol;
    Bytes payload, inner;
  };
  const std::vector<Row> rows{
      {"IPv4 in IP", IpProtocol::ipip, v4, v4},
      {"IPv6 in IP", IpProtocol::ipv6, v6, v6},
      {"GRE", IpProtocol::gre, behind({0, 0, 8, 0}, v4), v4},
      {"GRE with a checksum", IpProtocol::gre, behind({0x80, 0, 0x86, 0xdd, 1, 2, 0, 0}, v6), v6},
      {"GUE", IpProtocol::udp, behind({0, 4, 0, 0}, v4), v4},
      {"GUE with a field", IpProtocol::udp, behind({1, 41, 0, 0, 9, 9, 9, 9}, v6), v6}};
  for (const Row& row : rows) {
    const auto taken = decapsulate(arrived(row.protocol, row.payload), kTrust);
    ASSERT_TRUE(taken) << row.what << ": " << to_string(taken.error());
    EXPECT_EQ(Bytes(taken->packet.begin(), taken->packet.end()), row.inner) << row.what;
    for (std::size_t length = 0; length < row.payload.size(); ++length) {
      const Bytes cut(row.payload.begin(), row.payload.begin() + std::ptrdiff_t(length));
      EXPECT_FALSE(decapsulate(arrived(row.protocol, cut), kTrust)) << row.what << " " << length;
    }
  }
}

TEST(Decapsulate, RefusesHeadersThatItDoesNotUnderstand) {
  const Bytes v4 = inner_udp();
  const std::vector<std::pair<IpProtocol, Bytes>> rows{
      {IpProtocol::gre, behind({0x20, 0, 8, 0, 0, 0, 0, 1}, v4)},  // a key
      {IpProtocol::gre, behind({0, 1, 8, 0}, v4)},                 // PPTP
      {IpProtocol::gre, behind({0, 0, 0x65, 0x58}, v4)},           // Ethernet inside
      {IpProtocol::udp, behind({0x20, 4, 0, 0}, v4)},              // a control message
      {IpProtocol::udp, behind({0x40, 4, 0, 0}, v4)},              // version 1
      {IpProtocol::udp, behind({0, 6, 0, 0}, v4)},
      {IpProtocol::tcp, v4}};
  for (const auto& [protocol, payload] : rows) {
    EXPECT_EQ(decapsulate(arrived(protocol, payload), kTrust).error(), Refusal::malformed_outer);
  }
}

TEST(Decapsulate, LeavesOffWhatLiesBehindTheInnerPacket) {
  const Bytes inner = inner_udp();
  Bytes padded = inner;
  padded.resize(inner.size() + 6);
  const Bytes outer = tunnelled(padded);
  const auto taken = taken_apart(outer);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->packet.size(), inner.size());
}

TEST(Decapsulate, RefusesStrangersAndOtherAddresses) {
  const Bytes outer = tunnelled(inner_udp());
  const Trust others{{*Prefix::parse("10.0.3.0/24")}, kTrust.vips};
  EXPECT_EQ(taken_apart(outer, others).error(), Refusal::untrusted);
  const Trust elsewhere{kTrust.directors, {IpAddress(10, 0, 3, 102)}};
  EXPECT_EQ(taken_apart(outer, elsewhere).error(), Refusal::not_ours);
}

// Of another tunnel of this host, which works without us: nobody is to be told that it does not.
TEST(Decapsulate, LeavesOtherTunnelsAlone) {
  const Trust others{{*Prefix::parse("10.0.3.0/24")}, {IpAddress(10, 0, 3, 102)}};
  const Bytes outer = tunnelled(inner_udp());
  EXPECT_EQ(taken_apart(outer, others).error(), Refusal::foreign);
  EXPECT_EQ(taken_apart(outer, {}).error(), Refusal::foreign);
  EXPECT_TRUE(refusal_answer(*arrival_of(outer), Refusal::foreign).empty());
  for (const Bytes& payload : {Bytes(20), behind({0x20, 0, 8, 0, 0, 0, 0, 1}, inner_udp())}) {
    for (const auto protocol : {IpProtocol::ipip, IpProtocol::gre}) {
      EXPECT_EQ(decapsulate(arrived(protocol, payload), others).error(), Refusal::foreign);
    }
  }
}

TEST(Decapsulate, RefusesEveryPrefixOfAPacket) {
  const Bytes outer = tunnelled(inner_udp());
  for (std::size_t length = 0; length < outer.size(); ++length) {
    EXPECT_EQ(arrival_of(std::span(outer).first(length)).error(), Refusal::malformed_outer)
        << length;
  }
}

TEST(Decapsulate, RefusesInnerPacketsThatAreNotWhole) {
  const Bytes inner = inner_udp();
  for (std::size_t length = 0; length < inner.size(); ++length) {
    const Bytes outer = tunnelled(Bytes(inner.begin(), inner.begin() + std::ptrdiff_t(length)));
    EXPECT_EQ(taken_apart(outer).error(), Refusal::malformed_inner) << length;
  }
}

TEST(Decapsulate, RefusesFragments) {
  Bytes fragment = tunnelled(inner_udp());
  fragment[6] = std::byte{0x20};  // more fragments
  EXPECT_EQ(arrival_of(fragment).error(), Refusal::malformed_outer);
}

TEST(Decapsulate, FindsAnUnfinishedChecksum) {
  ChecksumSum pseudo;
  const auto udp = static_cast<std::uint8_t>(IpProtocol::udp);
  pseudo.add_pseudo(Ipv4Address(kClient), Ipv4Address(kVip), udp, sizeof(UdpHeader) + 5);
  const Be16 unfinished(static_cast<std::uint16_t>(~pseudo.finish().host()));
  const Bytes outer = tunnelled(inner_udp(unfinished));
  const auto taken = taken_apart(outer);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->unfinished, (UnfinishedChecksum{.start = 20, .offset = 6}));
}

TEST(RefusalAnswer, QuotesThePacketThatItIsAbout) {
  const Bytes outer = tunnelled(inner_udp());
  const auto arrival = arrival_of(outer);
  ASSERT_TRUE(arrival);
  EXPECT_TRUE(refusal_answer(*arrival, Refusal::malformed_inner).empty());
  const std::vector<std::byte> answer = refusal_answer(*arrival, Refusal::untrusted);
  const auto header = load<IcmpHeader>(answer);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, 3);
  EXPECT_EQ(header->code, 13);
  EXPECT_EQ(internet_checksum(answer).host(), 0);
  const auto quoted = load<Ipv4Header>(answer, sizeof(IcmpHeader));
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->source, Ipv4Address(kDirector));
  EXPECT_EQ(quoted->destination, Ipv4Address(kServer));
  EXPECT_EQ(quoted->total_length.host(), outer.size());
}

TEST(RefusalAnswer, OfIpv6) {
  const Bytes inner = ipv6_udp();
  const auto answer = refusal_answer(arrived(IpProtocol::ipv6, inner), Refusal::not_ours);
  const auto header = load<IcmpHeader>(answer);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, 1);
  EXPECT_EQ(header->code, 3);
  const auto quoted = load<Ipv6Header>(answer, sizeof(IcmpHeader));
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->next_header, 41);
  EXPECT_EQ(quoted->payload_length.host(), inner.size());
}

}  // namespace
}  // namespace lvsd::decap
