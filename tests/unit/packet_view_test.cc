// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/packet_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>

#include "lvsd/net/fixed_header.h"
#include "support/packet_builder.h"
#include "support/random_seed.h"
#include "support/view_invariants.h"

namespace lvsd {
namespace {

using namespace test;

using Octets = std::initializer_list<std::uint8_t>;

constexpr std::string_view kClient = "198.51.100.7", kVip = "192.0.2.10";

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

void set(Bytes& packet, std::size_t at, unsigned value) { packet[at] = std::byte(value); }

TEST(PacketViewTest, Tcp) {
  const PacketView view = parsed(tcp_packet(
      {.ttl = 7, .tos = 0xb9, .dont_fragment = true, .options = pattern(8, 1)},
      {.source = 1234, .destination = 443, .flags = 0x12, .options = pattern(12)}, text("hello")));
  EXPECT_EQ(view.tuple,
            (Tuple{*IpAddress::parse(kClient), *IpAddress::parse(kVip), Port(1234), Port(443), 6}));
  EXPECT_EQ(view.total_length, 28 + 32 + 5);
  EXPECT_EQ(view.transport_offset, 28);
  EXPECT_EQ(view.payload_offset, 60);
  EXPECT_EQ(view.ttl, 7);
  EXPECT_EQ(view.tos, 0xb9);
  EXPECT_EQ(view.tcp_flags, TcpHeader::kSyn | TcpHeader::kAck);
  EXPECT_TRUE(view.dont_fragment && view.has_ports);
  EXPECT_FALSE(view.more_fragments || view.quoted || view.is_icmp_error());
  EXPECT_TRUE(view.is(IpProtocol::tcp));
}

TEST(PacketViewTest, Udp) {
  const PacketView view =
      parsed(udp_packet({}, {.source = 5353, .destination = 53}, text("query")));
  EXPECT_EQ(view.tuple.source_port, Port(5353));
  EXPECT_EQ(view.tuple.destination_port, Port(53));
  EXPECT_EQ(view.payload_offset, 28);
  EXPECT_TRUE(view.has_ports);
}

TEST(PacketViewTest, OtherProtocolsHaveNoPorts) {
  for (const std::uint8_t protocol : Octets{4, 41, 47, 50, 99}) {
    const PacketView view = parsed(ip_packet({}, protocol, pattern(30, 1)));
    EXPECT_EQ(view.tuple.protocol, protocol);
    EXPECT_EQ(view.payload_offset, view.total_length);
    EXPECT_FALSE(view.has_ports || view.quoted);
  }
  parsed(ip_packet({}, 99, {}));
}

TEST(PacketViewTest, LinkLayerPaddingIsIgnored) {
  Bytes packet = tcp_packet({});
  packet.resize(60, std::byte{0xee});
  EXPECT_EQ(parsed(packet).total_length, 40);
  Bytes error = icmp_error({}, {.type = 3, .code = 3}, ip_packet({}, 17, {}), 8);
  error.resize(100);  // what lies behind the end must not serve as the quoted ports
  EXPECT_FALSE(parsed(error).quoted);
}

TEST(PacketViewTest, RefusalsInTheirOrder) {
  const Bytes good = tcp_packet({}, {}, text("x"));
  EXPECT_EQ(refused({}), Malformed::truncated_ip);
  EXPECT_EQ(refused(View(good).first(19)), Malformed::truncated_ip);
  EXPECT_EQ(refused(View(good).first(40)), Malformed::truncated_ip);

  Bytes packet = good;
  set(packet, 0, 0x75);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_version);
  set(packet, 0, 0x05);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_version);
  set(packet, 0, 0x44);  // a header of 16 bytes; its checksum is wrong too, but comes later
  EXPECT_EQ(refused(packet), Malformed::bad_ip_length);
  packet = good;
  set(packet, 3, 19);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_length);
  set(packet, 3, 42);
  EXPECT_EQ(refused(packet), Malformed::truncated_ip);
  packet = good;
  set(packet, 8, 1);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_checksum);
  fix_ip_checksum(packet);
  EXPECT_EQ(refused(packet), std::nullopt);
  set(packet, 10, 0);
  set(packet, 11, 0);
  EXPECT_EQ(refused(packet), Malformed::bad_ip_checksum);
}

TEST(PacketViewTest, TcpDataOffset) {
  Bytes packet = tcp_packet({}, {}, pattern(4));
  for (unsigned words = 0; words < 16; ++words) {
    set(packet, 32, words << 4U);
    const bool fits = words == 5 || words == 6;
    EXPECT_EQ(refused(packet), fits ? std::nullopt : std::optional(Malformed::bad_tcp_length))
        << words;
  }
}

TEST(PacketViewTest, TransportChecksumsAreNotJudged) {
  for (Bytes packet : {tcp_packet({}), udp_packet({}), icmp_packet({}, {.type = 3, .code = 3})}) {
    packet[packet.size() - 1] ^= std::byte{0xff};
    EXPECT_EQ(refused(packet), std::nullopt);
  }
}

TEST(PacketViewTest, UdpLengthFieldIsNotJudged) {
  Bytes packet = udp_packet({}, {}, text("abc"));
  for (const unsigned length : {0U, 7U, 200U}) {
    set(packet, 25, length);
    EXPECT_EQ(refused(packet), std::nullopt);
  }
}

TEST(PacketViewTest, Fragments) {
  const std::vector<Bytes> parts = fragments(udp_packet({}, {}, pattern(100)), 48);
  ASSERT_EQ(parts.size(), 3U);
  const PacketView first = parsed(parts[0]);
  EXPECT_TRUE(first.more_fragments && first.has_ports);
  EXPECT_EQ(first.tuple.destination_port, Port(53));
  EXPECT_EQ(first.fragment_offset, 0);
  const PacketView middle = parsed(parts[1]);
  EXPECT_TRUE(middle.more_fragments && middle.is_later_fragment());
  EXPECT_FALSE(middle.has_ports);
  EXPECT_EQ(middle.fragment_offset, 48);
  EXPECT_EQ(middle.tuple.source_port, Port());
  const PacketView last = parsed(parts[2]);
  EXPECT_FALSE(last.more_fragments || last.has_ports);
  EXPECT_EQ(last.fragment_offset, 96);
  EXPECT_EQ(last.payload_offset, last.total_length);
}

TEST(PacketViewTest, LaterFragmentsNeedNoTransportHeader) {
  for (const std::uint8_t protocol : Octets{1, 6, 17}) {
    EXPECT_EQ(refused(ip_packet({.fragment_offset = 65528}, protocol, {})), std::nullopt);
    EXPECT_EQ(refused(ip_packet({.fragment_offset = 8}, protocol, pattern(3))), std::nullopt);
    EXPECT_EQ(refused(ip_packet({.more_fragments = true}, protocol, pattern(3))),
              Malformed::truncated_transport);
  }
}

TEST(PacketViewTest, LaterFragmentOfAnIcmpErrorIsNoError) {
  const Bytes error = icmp_error({}, {.type = 3, .code = 3}, udp_packet({}, {}, pattern(60)), 60);
  const std::vector<Bytes> parts = fragments(error, 48);
  EXPECT_TRUE(parsed(parts[0]).is_icmp_error());
  EXPECT_TRUE(parsed(parts[0]).quoted);
  EXPECT_FALSE(parsed(parts[1]).is_icmp_error());
}

TEST(PacketViewTest, IcmpErrorsQuote) {
  const IpFields reply{.source = kVip, .destination = kClient, .ttl = 1, .dont_fragment = true};
  for (const std::uint8_t type : Octets{3, 4, 11}) {
    const Bytes error = icmp_error({}, {.type = type, .code = 1},
                                   tcp_packet(reply, {.source = 80, .destination = 999}));
    const PacketView view = parsed(error);
    EXPECT_TRUE(view.is_icmp_error());
    EXPECT_EQ(view.icmp_type, type);
    EXPECT_EQ(view.icmp_code, 1);
    EXPECT_EQ(view.icmp_mtu, 0);
    ASSERT_TRUE(view.quoted);
    EXPECT_EQ(view.quoted->tuple,
              (Tuple{*IpAddress::parse(kVip), *IpAddress::parse(kClient), Port(80), Port(999), 6}));
    EXPECT_EQ(view.quoted->offset, 28);
    EXPECT_EQ(view.quoted->transport_offset, 48);
    EXPECT_TRUE(view.quoted->dont_fragment && view.quoted->has_ports);
  }
}

TEST(PacketViewTest, NextHopMtuOfFragmentationNeededAlone) {
  const Bytes original = udp_packet({});
  const auto mtu = [&](std::uint8_t type, std::uint8_t code) {
    return parsed(icmp_error({}, {.type = type, .code = code, .rest = 1400}, original)).icmp_mtu;
  };
  EXPECT_EQ(mtu(3, 4), 1400);
  EXPECT_EQ(mtu(3, 3), 0);
  EXPECT_EQ(mtu(11, 0), 0);
}

TEST(PacketViewTest, OtherIcmpTypesQuoteNothing) {
  for (const std::uint8_t type : Octets{0, 5, 8, 12, 13}) {
    const PacketView view = parsed(icmp_error({}, {.type = type}, udp_packet({})));
    EXPECT_FALSE(view.is_icmp_error() || view.quoted) << int{type};
  }
}

TEST(PacketViewTest, QuotationMayBeCut) {
  const Bytes original = tcp_packet({.options = pattern(4, 1)}, {.source = 77});
  for (std::size_t quoted = 0; quoted <= 20; ++quoted) {
    const PacketView view = parsed(icmp_error({}, {.type = 3, .code = 4}, original, quoted));
    EXPECT_EQ(view.quoted.has_value(), quoted >= 4) << quoted << " bytes";
    EXPECT_EQ(view.quoted.value_or(QuotedPacket()).tuple.source_port,
              quoted >= 4 ? Port(77) : Port());
  }
  const Bytes whole =
      icmp_packet({}, {.type = 3}, View(original).first(23));  // not even the header
  EXPECT_FALSE(parsed(whole).quoted);
}

TEST(PacketViewTest, QuotedHeaderIsBelievedAsItIs) {
  Bytes original = udp_packet({.ttl = 0}, {.source = 9});
  set(original, 10, 0x12);  // a checksum that a router did not care to fix
  set(original, 2, 0xff);   // a total length beyond what is quoted
  ASSERT_TRUE(parsed(icmp_error({}, {.type = 11}, original)).quoted);
  set(original, 0, 0x65);
  EXPECT_FALSE(parsed(icmp_packet({}, {.type = 11}, original)).quoted);
  set(original, 0, 0x44);
  EXPECT_FALSE(parsed(icmp_packet({}, {.type = 11}, original)).quoted);
  set(original, 0, 0x4f);  // a header longer than the quotation
  EXPECT_FALSE(parsed(icmp_packet({}, {.type = 11}, original)).quoted);
}

TEST(PacketViewTest, QuotedLaterFragmentHasNoPorts) {
  const std::vector<Bytes> parts = fragments(udp_packet({}, {}, pattern(40)), 24);
  const PacketView view = parsed(icmp_error({}, {.type = 3, .code = 4}, parts[1]));
  ASSERT_TRUE(view.quoted);
  EXPECT_FALSE(view.quoted->has_ports);
  EXPECT_EQ(view.quoted->fragment_offset, 24);
  EXPECT_EQ(view.quoted->tuple.source_port, Port());
}

TEST(PacketViewTest, QuotedTunnelPacketLeadsToTheInnerOne) {
  const Bytes inner = tcp_packet({}, {.source = 4444, .destination = 80});
  const Bytes outer = ipip_packet(
      {.source = "192.0.2.254", .destination = "10.0.0.1", .options = pattern(4)}, inner);
  const Bytes error = icmp_error({}, {.type = 3, .code = 4, .rest = 1400}, outer, 28);
  const PacketView view = parsed(error);
  ASSERT_TRUE(view.quoted);
  EXPECT_EQ(view.quoted->tuple.protocol, 4);
  EXPECT_EQ(view.quoted->tuple.destination, IpAddress(10, 0, 0, 1));
  EXPECT_EQ(view.quoted->transport_offset, 28 + 24);
  const std::optional<QuotedPacket> found = parse_quoted(error, view.quoted->transport_offset);
  ASSERT_TRUE(found);
  EXPECT_EQ(broken_promise(error, view.quoted->transport_offset, *found), "");
  EXPECT_EQ(found->tuple.source, *IpAddress::parse(kClient));
  EXPECT_EQ(found->tuple.source_port, Port(4444));
  EXPECT_EQ(found->transport_offset, 28 + 24 + 20);
}

TEST(PacketViewTest, QuotedAtAnyOffset) {
  const Bytes packet = udp_packet({});
  EXPECT_TRUE(parse_quoted(packet, 0));
  for (const std::size_t offset : {std::size_t{1}, packet.size(), packet.size() + 1,
                                   std::size_t{65535}, SIZE_MAX - 8, SIZE_MAX}) {
    EXPECT_FALSE(parse_quoted(packet, offset)) << offset;
  }
  Bytes far(70'000);  // offsets that a 16-bit field cannot hold
  std::ranges::copy(packet, far.begin() + 65'520);
  EXPECT_FALSE(parse_quoted(far, 65'520));
  EXPECT_FALSE(parse_quoted(far, 65'536 + 20));
}

TEST(PacketViewTest, LargestPacket) {
  const Bytes packet = udp_packet({}, {}, Bytes(65535 - 28));
  EXPECT_EQ(parsed(packet).total_length, 65535);
}

// One of every kind that the parser tells apart.
std::vector<std::pair<std::string, Bytes>> every_kind() {
  const Bytes options = pattern(40, 1);
  const Bytes tcp = tcp_packet({.options = pattern(4, 1)}, {.options = pattern(40)}, text("data"));
  const Bytes udp = udp_packet({}, {}, pattern(33));
  const Bytes ipip = ipip_packet({}, tcp);
  std::vector<std::pair<std::string, Bytes>> kinds = {
      {"tcp", tcp_packet({})},
      {"tcp with options", tcp},
      {"tcp with most options", tcp_packet({.options = options}, {.options = pattern(40)})},
      {"udp", udp},
      {"udp with options", udp_packet({.options = options})},
      {"empty udp without checksum", udp_packet({}, {.checksum = false})},
      {"echo request", icmp_packet({}, {.type = 8}, text("ping"))},
      {"ipip", ipip},
      {"unknown protocol", ip_packet({}, 99, pattern(12))},
  };
  for (const std::uint8_t type : Octets{3, 4, 11}) {
    for (const Bytes& original : {tcp, udp, ipip, fragments(udp, 16)[1], icmp_packet({}, {})}) {
      kinds.emplace_back("icmp error", icmp_error({}, {.type = type, .code = 4}, original, 64));
    }
  }
  for (const Bytes& part : fragments(tcp, 64)) kinds.emplace_back("tcp fragment", part);
  for (const Bytes& part : fragments(udp, 16)) kinds.emplace_back("udp fragment", part);
  return kinds;
}

// In memory that ends where the bytes end, so that the sanitizer sees a read beyond.
Result<PacketView, Malformed> parse_tight(View bytes) {
  const auto memory = std::make_unique<std::byte[]>(bytes.size());
  std::ranges::copy(bytes, memory.get());
  const View tight(memory.get(), bytes.size());
  const Result<PacketView, Malformed> view = parse_packet(tight);
  EXPECT_EQ(view ? broken_promise(tight, *view) : "", "");
  for (std::size_t offset = 0; offset <= bytes.size(); ++offset) {
    const std::optional<QuotedPacket> quoted = parse_quoted(tight, offset);
    EXPECT_EQ(quoted ? broken_promise(tight, offset, *quoted) : "", "");
  }
  return view;
}

TEST(PacketPrefixTest, EveryKindIsWellFormed) {
  for (const auto& [kind, packet] : every_kind()) {
    EXPECT_EQ(wrong_with(packet), "") << kind;
    EXPECT_TRUE(parse_tight(packet)) << kind;
  }
}

TEST(PacketPrefixTest, EveryCutPacketIsTruncated) {
  for (const auto& [kind, packet] : every_kind()) {
    for (std::size_t size = 0; size < packet.size(); ++size) {
      const Result<PacketView, Malformed> view = parse_tight(View(packet).first(size));
      ASSERT_FALSE(view) << kind << ", " << size << " bytes";
      EXPECT_EQ(view.error(), Malformed::truncated_ip);
    }
  }
}

// The same prefixes as packets of their own: total length and checksum say that this is all.
TEST(PacketPrefixTest, EveryShorterPacketParsesAsFarAsItsHeadersGo) {
  for (const auto& [kind, packet] : every_kind()) {
    const PacketView whole = parsed(packet);
    const std::size_t fixed = whole.is(IpProtocol::tcp) ? 20 : 8;
    const bool headers =
        !whole.is_later_fragment() && (whole.has_ports || whole.is(IpProtocol::icmp));
    for (std::size_t size = whole.transport_offset; size < packet.size(); ++size) {
      Bytes shorter(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
      set(shorter, 2, static_cast<unsigned>(size >> 8U));
      set(shorter, 3, size & 0xffU);
      fix_ip_checksum(shorter);
      const Result<PacketView, Malformed> view = parse_tight(shorter);
      std::optional<Malformed> expected;
      if (headers && size < whole.transport_offset + fixed) {
        expected = Malformed::truncated_transport;
      } else if (whole.is(IpProtocol::tcp) && size < whole.payload_offset) {
        expected = Malformed::bad_tcp_length;
      }
      ASSERT_EQ(view ? std::nullopt : std::optional(view.error()), expected)
          << kind << ", " << size << " bytes";
    }
  }
}

TEST(PacketMutationTest, DamagedPacketsKeepThePromises) {
  std::mt19937 random(random_seed());
  const auto kinds = every_kind();
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes packet = kinds[random() % kinds.size()].second;
    for (std::size_t i = 1 + random() % 4; i > 0; --i) {
      set(packet, random() % packet.size(), static_cast<unsigned>(random() & 0xffU));
    }
    if (random() % 4 == 0) packet.resize(20 + random() % packet.size());
    const bool header_fits = (std::to_integer<unsigned>(packet[0]) & 0x0fU) * 4 <= packet.size();
    if (random() % 8 != 0 && header_fits) fix_ip_checksum(packet);
    if (parse_tight(packet)) ++accepted;
  }
  EXPECT_GT(accepted, 1000U);  // the mutations reach behind the IP header
}

// What is read without a closer look, in memory of just its size.
TEST(PacketViewTest, HasTheFixedHeadersAddresses) {
  const IpFields ip{.source = kClient, .destination = kVip, .options = pattern(8, 1)};
  for (const Bytes& packet : {tcp_packet(ip), udp_packet({.source = kClient, .destination = kVip}),
                              icmp_packet({.source = kClient, .destination = kVip}, {})}) {
    const PacketView view = parsed(packet);
    for (std::size_t size = 0; size <= packet.size(); ++size) {
      const Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
      const auto header = fixed_header(cut);
      ASSERT_EQ(header.has_value(), size >= sizeof(Ipv4Header));
      if (!header) continue;
      EXPECT_EQ(header->source, view.tuple.source);
      EXPECT_EQ(header->destination, view.tuple.destination);
      EXPECT_EQ(header->protocol, view.tuple.protocol);
      EXPECT_EQ(header->length, view.transport_offset);
      EXPECT_FALSE(header->v6);
    }
  }
  Bytes v6(sizeof(Ipv6Header));
  set(v6, 0, 0x60);
  set(v6, 6, 58);
  set(v6, 23, 1);
  const auto header = fixed_header(v6);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->v6);
  EXPECT_EQ(header->protocol, 58);
  EXPECT_EQ(header->source, *IpAddress::parse("::1"));
  EXPECT_FALSE(fixed_header(View(v6).first(v6.size() - 1)));
  set(v6, 0, 0x50);
  EXPECT_FALSE(fixed_header(v6));
}

}  // namespace
}  // namespace lvsd
