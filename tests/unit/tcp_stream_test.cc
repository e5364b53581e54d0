// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/tcp_stream.h"

#include <gtest/gtest.h>

#include "support/packet_builder.h"
#include "support/packet_diff.h"

namespace lvsd {
namespace {

using namespace test;  // NOLINT: tests read better

PacketView parsed(View bytes) {
  const Result<PacketView, Malformed> view = parse_packet(bytes);
  LVSD_ASSERT(view.has_value());
  return *view;
}

TEST(SequenceShift, BehindTheChangeOnly) {
  SequenceShift shift;
  EXPECT_TRUE(shift.none());
  shift.record(1000, 3);
  EXPECT_EQ(shift.sent(999), 999U);
  EXPECT_EQ(shift.sent(1000), 1000U);  // the changed segment itself
  EXPECT_EQ(shift.sent(1001), 1004U);
  EXPECT_EQ(shift.acknowledged(1000), 1000U);
  EXPECT_EQ(shift.acknowledged(1047), 1044U);
}

TEST(SequenceShift, TheSameChangeTwiceCountsOnce) {
  SequenceShift shift;
  shift.record(1000, -2);
  shift.record(1000, -2);
  EXPECT_EQ(shift.sent(2000), 1998U);
}

TEST(SequenceShift, ASecondChangeKeepsTheFirst) {
  SequenceShift shift;
  shift.record(1000, 3);
  shift.record(2000, -1);
  EXPECT_EQ(shift.sent(2000), 2003U);
  EXPECT_EQ(shift.sent(1500), 1503U);
  EXPECT_EQ(shift.sent(2001), 2003U);
  EXPECT_EQ(shift.acknowledged(2003), 2000U);
  EXPECT_EQ(shift.acknowledged(2050), 2048U);
  shift.record(3000, 0);
  EXPECT_EQ(shift.sent(1500), 1503U);
}

TEST(SequenceShift, NumbersWrapAround) {
  SequenceShift shift;
  shift.record(0xfffffff0U, 20);
  EXPECT_EQ(shift.sent(0xffffffefU), 0xffffffefU);
  EXPECT_EQ(shift.sent(0xfffffffaU), 14U);
  EXPECT_EQ(shift.sent(5), 25U);
  EXPECT_EQ(shift.acknowledged(25), 5U);
}

TEST(TcpStream, SequenceNumbersAndChecksum) {
  SequenceShift shift;
  shift.record(1000, 70000);
  TcpFields fields{.sequence = 2000, .flags = 0x18};
  Bytes packet = tcp_packet({}, fields, text("odd"));
  shift_sequence(packet, parsed(packet), shift);
  fields.sequence = 72000;
  EXPECT_TRUE(same_packet(tcp_packet({}, fields, text("odd")), packet));
}

Bytes sack(std::size_t padding, std::uint32_t begin, std::uint32_t end, bool pad_behind) {
  Bytes out(padding, std::byte{1});
  for (const unsigned byte : {5U, 10U}) out.push_back(std::byte(byte));
  for (const std::uint32_t edge : {begin, end}) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(std::byte(edge >> shift & 0xffU));
  }
  while (pad_behind && out.size() % 4 != 0) out.push_back(std::byte{0});
  return out;
}

// The blocks of SACK lie at even or odd offsets, as the options before them have it.
TEST(TcpStream, AcknowledgmentsAndSackWhereverItLies) {
  for (std::size_t padding = 0; padding < 5; ++padding) {
    SequenceShift shift;
    shift.record(1000, 3);
    TcpFields fields{.acknowledgment = 1003, .flags = 0x10};
    fields.options = sack(padding, 0x12345678, 0x1234ffff, true);
    Bytes packet = tcp_packet({}, fields, text("x"));
    shift_acknowledgment(packet, parsed(packet), shift);
    fields.acknowledgment = 1000;
    fields.options = sack(padding, 0x12345675, 0x1234fffc, true);
    EXPECT_TRUE(same_packet(tcp_packet({}, fields, text("x")), packet)) << padding;
  }
}

TEST(TcpStream, NoAcknowledgmentNoChange) {
  SequenceShift shift;
  shift.record(1000, 3);
  const Bytes before = tcp_packet({}, {.acknowledgment = 5000, .flags = 0x02});
  Bytes packet = before;
  shift_acknowledgment(packet, parsed(packet), shift);
  EXPECT_TRUE(same_packet(before, packet));
}

// Options whose lengths lie: nothing outside the header is touched, and the walk ends.
TEST(TcpStream, MangledOptions) {
  SequenceShift shift;
  shift.record(1, 3);
  for (unsigned kind = 0; kind < 8; ++kind) {
    for (unsigned length = 0; length < 256; ++length) {
      TcpFields fields{.acknowledgment = 1000, .flags = 0x10};
      fields.options = Bytes(12, std::byte{1});
      fields.options[1] = std::byte(kind);
      fields.options[2] = std::byte(length);
      const Bytes before = tcp_packet({}, fields, text("payload"));
      Bytes packet = before;
      shift_acknowledgment(packet, parsed(packet), shift);
      EXPECT_EQ(wrong_with(packet), "");
      EXPECT_TRUE(std::equal(packet.end() - 7, packet.end(), before.end() - 7));
    }
  }
}

TEST(TcpStream, ReplacesPayloadOfAnyLength) {
  const IpFields ip{.options = Bytes(4, std::byte{1})};
  const TcpFields tcp{.flags = 0x18, .options = Bytes(12, std::byte{1})};
  const Bytes before = tcp_packet(ip, tcp, text("227 (10,0,2,13,117,48)."));
  const PacketView view = parsed(before);
  for (const char* replacement : {"", "1", "10,0,2,13,117,48", "192,168,100,200,117,48"}) {
    const PayloadChange change{5, 21, replacement};
    Bytes after(size_with(view, change));
    write_with(before, view, change, after);
    EXPECT_TRUE(
        same_packet(tcp_packet(ip, tcp, text("227 (" + std::string(replacement) + ").")), after));
  }
}

TEST(TcpStream, JudgesTheChecksum) {
  Bytes packet = tcp_packet({}, {}, text("hello"));
  EXPECT_TRUE(tcp_checksum_ok(packet, parsed(packet)));
  packet.back() ^= std::byte{1};
  EXPECT_FALSE(tcp_checksum_ok(packet, parsed(packet)));
}

}  // namespace
}  // namespace lvsd
