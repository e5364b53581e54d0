// SPDX-License-Identifier: GPL-2.0-or-later
// IPv6 as parse_packet() and parse_quoted() read it, on packets built byte by byte here.
#include <gtest/gtest.h>

#include <random>

#include "lvsd/net/packet_view.h"
#include "support/packet_builder.h"
#include "support/random_seed.h"
#include "support/view_invariants.h"

namespace lvsd {
namespace {

using namespace test;

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51;
constexpr std::uint8_t kNone = 59, kOptions = 60;

Bytes octets(std::initializer_list<unsigned> values) {
  Bytes out;
  for (const unsigned value : values) out.push_back(std::byte(value));
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// From 2001:db8::1 to 2001:db8::2, traffic class 0xb9, flow label 0x12345, hop limit 7.
Bytes v6(std::uint8_t next_header, const Bytes& payload) {
  Bytes out = octets({0x6b, 0x91, 0x23, 0x45, static_cast<unsigned>(payload.size() >> 8U),
                      static_cast<unsigned>(payload.size() & 0xffU), next_header, 7});
  for (const unsigned last : {1U, 2U}) {
    out = out + octets({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last});
  }
  return out + payload;
}

Bytes udp() { return octets({0x0f, 0xa0, 0, 53, 0, 12, 0xab, 0xcd}) + octets({1, 2, 3, 4}); }
Bytes extension(unsigned next_header) { return octets({next_header, 1}) + Bytes(14); }
Bytes fragment_header(unsigned next_header, unsigned offset_more) {
  return octets({next_header, 0, offset_more >> 8U, offset_more & 0xffU, 0xde, 0xad, 0xbe, 0xef});
}

PacketView parsed(View bytes) {
  const Result<PacketView, Malformed> view = parse_packet(bytes);
  LVSD_ASSERT(view.has_value());
  EXPECT_EQ(broken_promise(bytes, *view), "");
  return *view;
}

std::optional<Malformed> refused(View bytes) {
  const Result<PacketView, Malformed> view = parse_packet(bytes);
  return view ? std::nullopt : std::optional(view.error());
}

TEST(PacketViewV6Test, FieldsOfTheFixedHeader) {
  const PacketView view = parsed(v6(17, udp()) + octets({0, 0}));
  EXPECT_TRUE(view.v6 && view.has_ports && view.dont_fragment);
  EXPECT_EQ(view.tuple.source, *IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(view.tuple.destination, *IpAddress::parse("2001:db8::2"));
  EXPECT_EQ(view.tuple.source_port, Port(std::uint16_t{4000}));
  EXPECT_EQ(view.tuple.destination_port, Port(std::uint16_t{53}));
  EXPECT_EQ(view.tos, 0xb9);
  EXPECT_EQ(view.ttl, 7);
  EXPECT_EQ(view.total_length, 52U);
  EXPECT_EQ(view.transport_offset, 40U);
  EXPECT_EQ(view.payload_offset, 48U);
}

TEST(PacketViewV6Test, StepsOverExtensionHeaders) {
  const Bytes chain = extension(kRouting) + extension(kOptions) + extension(kAuthentication) +
                      octets({17, 2}) + Bytes(14) + udp();
  const PacketView view = parsed(v6(kHopByHop, chain));
  EXPECT_TRUE(view.is(IpProtocol::udp) && view.has_ports);
  EXPECT_EQ(view.transport_offset, 40U + 64U);
  EXPECT_FALSE(parsed(v6(kNone, udp())).has_ports);
}

TEST(PacketViewV6Test, FragmentsAreToldByTheirHeader) {
  const PacketView first = parsed(v6(kFragment, fragment_header(17, 1) + udp()));
  EXPECT_TRUE(first.more_fragments && first.has_ports && !first.is_later_fragment());
  EXPECT_EQ(first.ip_id, 0xdeadbeefU);
  const PacketView later = parsed(v6(kFragment, fragment_header(kOptions, 1232) + udp()));
  EXPECT_TRUE(later.is_later_fragment() && !later.has_ports && !later.more_fragments);
  EXPECT_EQ(later.fragment_offset, 1232);
  EXPECT_EQ(later.tuple.protocol, kOptions);
  const PacketView whole = parsed(v6(kFragment, fragment_header(17, 0) + udp()));
  EXPECT_FALSE(whole.more_fragments || whole.is_later_fragment());
}

TEST(PacketViewV6Test, RefusesWhatIsCutShort) {
  const Bytes packet = v6(kHopByHop, extension(17) + udp());
  EXPECT_EQ(refused(View(packet).first(39)), Malformed::truncated_ip);
  EXPECT_EQ(refused(View(packet).first(60)), Malformed::truncated_ip);
  EXPECT_EQ(refused(v6(kHopByHop, octets({17, 9}) + Bytes(14))), Malformed::truncated_transport);
  EXPECT_EQ(refused(v6(kFragment, octets({17, 0, 0}))), Malformed::truncated_transport);
  EXPECT_EQ(refused(v6(17, octets({0x0f, 0xa0}))), Malformed::truncated_transport);
}

TEST(PacketViewV6Test, AnEndlessChainIsNobodys) {
  Bytes chain;
  for (int i = 0; i < 40; ++i) chain = chain + extension(kOptions);
  const PacketView view = parsed(v6(kOptions, chain));
  EXPECT_EQ(view.tuple.protocol, kOptions);
  EXPECT_FALSE(view.has_ports);
}

TEST(PacketViewV6Test, RefusesIpv4InDisguise) {
  Bytes packet = v6(17, udp());
  const Bytes mapped = Bytes(10) + octets({0xff, 0xff, 10, 0, 0, 1});
  std::copy(mapped.begin(), mapped.end(), packet.begin() + 24);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_address);
  EXPECT_FALSE(parse_quoted(packet, 0));
}

TEST(PacketViewV6Test, ErrorsQuoteTheirOwnFamily) {
  const Bytes original = v6(kHopByHop, extension(17) + udp());
  const Bytes error = v6(58, octets({2, 0, 0, 0, 0, 1, 0, 0}) + original);
  const PacketView view = parsed(error);
  EXPECT_TRUE(view.is_icmp_error() && view.is_too_big());
  EXPECT_EQ(view.icmp_mtu, 65536U);
  ASSERT_TRUE(view.quoted);
  EXPECT_TRUE(view.quoted->v6 && view.quoted->has_ports);
  EXPECT_EQ(view.quoted->offset, 48);
  EXPECT_EQ(view.quoted->transport_offset, 48 + 56);
  EXPECT_EQ(view.quoted->tuple.destination_port, Port(std::uint16_t{53}));

  EXPECT_TRUE(parsed(v6(58, octets({100, 0, 0, 0, 0, 0, 0, 0}) + original)).quoted);
  EXPECT_FALSE(parsed(v6(58, octets({128, 0, 0, 0, 0, 0, 0, 0}) + original)).is_icmp_error());
  EXPECT_FALSE(parsed(v6(58, octets({1, 0, 0, 0, 0, 0, 0, 0}) + udp_packet({}))).quoted);
  EXPECT_FALSE(parsed(v6(1, octets({3, 4, 0, 0, 0, 0, 5, 0}) + original)).is_icmp_error());
  EXPECT_FALSE(parsed(icmp_packet({}, {.type = 3}, original)).quoted);
}

// Whatever is cut off or changed, what is returned holds what it promises.
TEST(PacketViewV6Test, PromisesHoldForAnyBytes) {
  std::mt19937_64 random(test::random_seed());
  const Bytes good =
      v6(58, octets({1, 4, 0, 0, 0, 0, 0, 0}) +
                 v6(kHopByHop, extension(kFragment) + fragment_header(17, 1) + udp()));
  for (int i = 0; i < 20000; ++i) {
    Bytes packet = good;
    packet.resize(random() % (packet.size() + 1));
    for (auto changes = random() % 4; changes > 0 && !packet.empty(); --changes) {
      packet[random() % packet.size()] = std::byte(random());
    }
    if (packet.size() > 6 && random() % 2 == 0) {
      packet[4] = std::byte(0);
      packet[5] = std::byte(packet.size() > 40 ? packet.size() - 40 : 0);
    }
    const auto view = parse_packet(packet);
    if (view) {
      ASSERT_EQ(broken_promise(packet, *view), "");
    }
  }
}

}  // namespace
}  // namespace lvsd
