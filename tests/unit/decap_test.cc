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

const std::vector<Prefix> kTrusted{*Prefix::parse("192.0.2.7"), *Prefix::parse("10.0.2.0/24")};

TEST(Decapsulate, TakesTheInnerPacketOutUntouched) {
  const Bytes inner = inner_udp();
  const Bytes outer = tunnelled(inner);
  const auto taken = decapsulate(outer, kTrusted);
  ASSERT_TRUE(taken);
  EXPECT_EQ(Bytes(taken->packet.begin(), taken->packet.end()), inner);
  EXPECT_FALSE(taken->unfinished);
}

TEST(Decapsulate, LeavesOffWhatLiesBehindTheInnerPacket) {
  const Bytes inner = inner_udp();
  Bytes padded = inner;
  padded.resize(inner.size() + 6);
  const Bytes outer = tunnelled(padded);
  const auto taken = decapsulate(outer, kTrusted);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->packet.size(), inner.size());
}

TEST(Decapsulate, RefusesStrangers) {
  const Bytes outer = tunnelled(inner_udp());
  const std::vector<Prefix> others{*Prefix::parse("10.0.3.0/24")};
  EXPECT_EQ(decapsulate(outer, others).error(), Refusal::untrusted);
  EXPECT_EQ(decapsulate(outer, {}).error(), Refusal::untrusted);
}

TEST(Decapsulate, RefusesEveryPrefixOfAPacket) {
  const Bytes outer = tunnelled(inner_udp());
  for (std::size_t length = 0; length < outer.size(); ++length) {
    EXPECT_EQ(decapsulate(std::span(outer).first(length), kTrusted).error(),
              Refusal::malformed_outer)
        << length;
  }
}

TEST(Decapsulate, RefusesInnerPacketsThatAreNotWhole) {
  const Bytes inner = inner_udp();
  for (std::size_t length = 0; length < inner.size(); ++length) {
    const Bytes outer = tunnelled(Bytes(inner.begin(), inner.begin() + std::ptrdiff_t(length)));
    EXPECT_EQ(decapsulate(outer, kTrusted).error(), Refusal::malformed_inner) << length;
  }
}

TEST(Decapsulate, RefusesOtherProtocolsAndFragments) {
  const Bytes udp = inner_udp();
  const std::vector<Prefix> all{*Prefix::parse("0.0.0.0/0")};
  EXPECT_EQ(decapsulate(udp, all).error(), Refusal::malformed_outer);
  Bytes fragment = tunnelled(udp);
  fragment[6] = std::byte{0x20};  // more fragments
  EXPECT_EQ(decapsulate(fragment, all).error(), Refusal::malformed_outer);
}

TEST(Decapsulate, FindsAnUnfinishedChecksum) {
  ChecksumSum pseudo;
  const auto udp = static_cast<std::uint8_t>(IpProtocol::udp);
  pseudo.add_pseudo(Ipv4Address(kClient), Ipv4Address(kVip), udp, sizeof(UdpHeader) + 5);
  const Be16 unfinished(static_cast<std::uint16_t>(~pseudo.finish().host()));
  const Bytes outer = tunnelled(inner_udp(unfinished));
  const auto taken = decapsulate(outer, kTrusted);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->unfinished, (UnfinishedChecksum{.start = 20, .offset = 6}));
}

}  // namespace
}  // namespace lvsd::decap
