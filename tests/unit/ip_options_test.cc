// SPDX-License-Identifier: GPL-2.0-or-later
// What a kernel made of these options, of packets to a virtual address 10.0.3.100 by dr; the time
// was its own.
#include "lvsd/forward/ip_options.h"

#include <gtest/gtest.h>

#include "lvsd/net/checksum.h"
#include "support/scapy_frames.h"

namespace lvsd {
namespace {

using Bytes = std::vector<std::byte>;

const OptionValues kValues{IpAddress(10, 0, 3, 100).v4(), IpAddress(10, 0, 3, 100).v4(),
                           0x03f56617};

Network director() {
  Network::Parts parts;
  parts.interfaces = {{.index = InterfaceIndex{1},
                       .name = "client",
                       .mac = {},
                       .addresses = {{IpAddress(10, 0, 1, 1), 24}, {IpAddress(10, 0, 3, 100), 32}}},
                      {.index = InterfaceIndex{2},
                       .name = "server",
                       .mac = {},
                       .addresses = {{IpAddress(10, 0, 2, 1), 24}}}};
  return Network(parts);
}

// A UDP packet with these options and a right header checksum.
Bytes packet_with(const std::string& options) {
  Bytes bytes = test::from_hex("4500000000010000401100000a0100010a000364" + options +
                               "0fa0003500090000" + "78");
  bytes[0] = static_cast<std::byte>(0x40 + (20 + options.size() / 2) / 4);
  bytes[3] = static_cast<std::byte>(bytes.size());
  renew_header_checksum(bytes);
  return bytes;
}

std::string hex_of_options(const Bytes& packet) {
  std::string out;
  for (std::size_t i = 20; i < packet.size() - 9; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto value = std::to_integer<unsigned>(packet[i]);
    out += {kDigits[value >> 4U], kDigits[value & 15U]};
  }
  return out;
}

TEST(IpOptions, AreFilledInAsAKernelFillsThem) {
  struct Row {
    const char *arrived, *left;
  };
  constexpr Row kRows[] = {
      {"070f0400000000000000000000000000", "070f080a000364000000000000000000"},
      {"0707080000000000", "0707080000000000"},  // full
      {"44100500000000000000000000000000", "4410090003f566170000000000000000"},
      {"44100900111111110000000000000000", "44100d001111111103f5661700000000"},
      {"4408090000000000", "4408091000000000"},  // no room: counted
      {"440809e000000000", "440809f000000000"},
      {"4414050100000000000000000000000000000000", "44140d010a00036403f566170000000000000000"},
      {"440c0d010000000000000000", "440c0d110000000000000000"},
      {"441405030a000101000000000a00020100000000", "44140d030a00010103f566170a00020100000000"},
      {"4414050309090909000000000000000000000000", "4414050309090909000000000000000000000000"},
      {"44140d030a000101000000000a00020100000000", "441415030a000101000000000a00020103f56617"},
      {"440c05030000000000000000", "440c0d030000000003f56617"},
      {"440c05020000000000000000", "440c05020000000000000000"},  // no such kind of timestamp
      {"44100600000000000000000000000000", "44100a000003f5661700000000000000"},
      {"441005000000000000000000000000000707040000000000",
       "4410090003f5661700000000000000000707080a00036400"},
      {"94040000", "94040000"},
      {"820b00000000000000000000", "820b00000000000000000000"},
      {"1e040102", "1e040102"},
      {"88040102", "88040102"},
  };
  const Network network = director();
  for (const Row& row : kRows) {
    Bytes packet = packet_with(row.arrived);
    EXPECT_FALSE(find_fault(packet)) << row.arrived;
    fill_options(packet, kValues, network);
    EXPECT_EQ(hex_of_options(packet), row.left);
    const auto header = std::span(packet).first(packet.size() - 9);
    EXPECT_EQ(internet_checksum(header), Be16()) << row.arrived;
  }
}

TEST(IpOptions, FaultsAreWhereAKernelSeesThem) {
  struct Row {
    const char* arrived;
    int pointer;  // -1: a source route
  };
  constexpr Row kRows[] = {
      {"440809f000000000", 23},
      {"44100d01000000000000000000000000", 22},
      {"44100400000000000000000000000000", 22},
      {"440e0901000000000000000000000000", 22},
      {"0707030000000000", 22},
      {"0707060000000000", 22},
      {"07020000", 21},
      {"073c040000000000", 20},
      {"0701040000000000", 20},
      {"01010109", 23},
      {"09000000", 20},
      {"09080000", 20},
      {"07070400000000070704000000000000", 27},
      {"44030500", 21},
      {"4408040000000000", 22},
      {"8307040a00020c00", -1},
      {"8307080a00020c00", -1},
      {"8907040a00020c00", -1},
  };
  for (const Row& row : kRows) {
    const auto fault = find_fault(packet_with(row.arrived));
    ASSERT_TRUE(fault) << row.arrived;
    EXPECT_EQ(fault->source_route ? -1 : int{fault->pointer}, row.pointer) << row.arrived;
  }
}

// Whatever the options are, nothing beyond the header is touched, and a fault is left as it is.
TEST(IpOptions, EveryLengthAndPointerIsSafe) {
  const Network network = director();
  for (const unsigned kind : {7U, 68U, 131U, 148U, 200U}) {
    for (const unsigned length : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 11U, 12U, 13U, 255U}) {
      for (unsigned pointer = 0; pointer < 256; ++pointer) {
        Bytes packet = packet_with("000000000000000000000000");
        packet[20] = static_cast<std::byte>(kind);
        packet[21] = static_cast<std::byte>(length);
        packet[22] = static_cast<std::byte>(pointer);
        packet[23] = std::byte{1};
        const Bytes before = packet;
        const bool fault = find_fault(packet).has_value();
        fill_options(packet, kValues, network);
        ASSERT_TRUE(std::equal(packet.begin() + 32, packet.end(), before.begin() + 32));
        if (fault) {
          ASSERT_EQ(hex_of_options(packet), hex_of_options(before));
        }
      }
    }
  }
}

}  // namespace
}  // namespace lvsd
