// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/net/packet_view.h"
#include "support/packet_builder.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

PacketView parsed(View bytes) {
  const Result<PacketView, Malformed> view = parse_packet(bytes);
  LVSD_ASSERT(view.has_value());
  return *view;
}

TEST(PacketViewSctp, PortsAndFirstChunk) {
  const Bytes packet =
      sctp_packet({.options = pattern(4, 1)}, {.source = 4000, .destination = 3868, .tag = 7},
                  joined(sctp_chunk(sctp::kSack), sctp_chunk(sctp::kInit)));
  const PacketView view = parsed(packet);
  EXPECT_TRUE(view.is(IpProtocol::sctp) && view.has_ports);
  EXPECT_EQ(view.tuple.source_port, Port(4000));
  EXPECT_EQ(view.tuple.destination_port, Port(3868));
  EXPECT_EQ(view.payload_offset, 24 + 12);
  EXPECT_EQ(view.sctp_chunk, sctp::kSack);
  EXPECT_FALSE(view.sctp_cookie_abort);
}

TEST(PacketViewSctp, AnAbortBehindACookieCounts) {
  for (const std::uint8_t first : {sctp::kCookieEcho, sctp::kCookieAck, sctp::kData}) {
    for (const std::uint8_t second : {sctp::kAbort, sctp::kData}) {
      const Bytes chunks = joined(sctp_chunk(first, pattern(5)), sctp_chunk(second));
      const PacketView view = parsed(sctp_packet({}, {}, chunks));
      EXPECT_EQ(view.sctp_chunk, first);
      EXPECT_EQ(view.sctp_cookie_abort, first != sctp::kData && second == sctp::kAbort);
    }
  }
}

TEST(PacketViewSctp, ChunkLengthsAreNotBelieved) {
  Bytes chunks = joined(sctp_chunk(sctp::kCookieEcho), sctp_chunk(sctp::kAbort));
  for (const unsigned length : {0U, 3U, 5U, 0xffffU}) {
    chunks[2] = std::byte(length >> 8U);
    chunks[3] = std::byte(length & 0xffU);
    EXPECT_FALSE(parsed(sctp_packet({}, {}, chunks)).sctp_cookie_abort) << length;
  }
}

TEST(PacketViewSctp, EveryPrefix) {
  const Bytes chunks = joined(sctp_chunk(sctp::kCookieEcho), sctp_chunk(sctp::kAbort));
  const Bytes whole = sctp_packet({}, {}, chunks);
  for (std::size_t size = 20; size <= whole.size(); ++size) {
    const Bytes cut = ip_packet({}, 132, View(whole).subspan(20, size - 20));
    const Result<PacketView, Malformed> view = parse_packet(cut);
    ASSERT_EQ(view.has_value(), size >= 32) << size;
    if (!view) {
      EXPECT_EQ(view.error(), Malformed::truncated_transport);
      continue;
    }
    EXPECT_EQ(view->sctp_chunk.has_value(), size >= 36) << size;
    EXPECT_EQ(view->sctp_cookie_abort, size >= 40) << size;
  }
}

TEST(PacketViewSctp, AQuotationNeedsThePortsOnly) {
  const Bytes original =
      sctp_packet({}, {.source = 4000, .destination = 3868}, sctp_chunk(sctp::kData));
  const PacketView view = parsed(icmp_error({}, {.type = 3, .code = 1}, original));
  ASSERT_TRUE(view.quoted.has_value());
  EXPECT_TRUE(view.quoted->has_ports);
  EXPECT_EQ(view.quoted->tuple.destination_port, Port(3868));
}

TEST(PacketViewSctp, IpsecHasNoPorts) {
  for (const std::uint8_t protocol : {std::uint8_t{50}, std::uint8_t{51}}) {
    const PacketView view = parsed(ip_packet({}, protocol, pattern(4)));
    EXPECT_FALSE(view.has_ports);
    EXPECT_EQ(view.tuple.protocol, protocol);
  }
}

}  // namespace
}  // namespace lvsd
