// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/ctl/make_packet.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::ctl {
namespace {

PacketWords words(const std::string& protocol, const std::string& client,
                  const std::string& server) {
  PacketWords words;
  words.protocol = protocol;
  words.client = client;
  words.server = server;
  return words;
}

TEST(MakePacket, IsOneThatTheDirectorReads) {
  for (const std::string protocol : {"tcp", "udp", "sctp"}) {
    for (const bool v6 : {false, true}) {
      auto asked = v6 ? words(protocol, "[2001:db8::7]:4000", "[2001:db8::10]:80")
                      : words(protocol, "198.51.100.7:4000", "192.0.2.10:80");
      asked.size = 200;
      const auto packet = make_packet(asked);
      ASSERT_TRUE(packet.has_value()) << packet.error().message;
      const auto view = parse_packet(*packet);
      ASSERT_TRUE(view.has_value());
      EXPECT_EQ(view->total_length, 200U);
      EXPECT_EQ(view->tuple.source_port, Port(std::uint16_t{4000}));
      EXPECT_EQ(view->tuple.destination_port, Port(std::uint16_t{80}));
      EXPECT_EQ(view->v6, v6);
      EXPECT_TRUE(view->has_ports);
    }
  }
}

TEST(MakePacket, TakesFlags) {
  auto asked = words("tcp", "198.51.100.7:4000", "192.0.2.10:80");
  asked.flags = "FA";
  EXPECT_EQ(parse_packet(*make_packet(asked))->tcp_flags, TcpHeader::kFin | TcpHeader::kAck);
  asked.flags = "x";
  EXPECT_FALSE(make_packet(asked).has_value());
}

TEST(MakePacket, RefusesWhatIsNoPacket) {
  EXPECT_FALSE(make_packet(words("icmp", "198.51.100.7:4000", "192.0.2.10:80")).has_value());
  EXPECT_FALSE(make_packet(words("tcp", "198.51.100.7", "192.0.2.10:80")).has_value());
  EXPECT_FALSE(make_packet(words("tcp", "198.51.100.7:70000", "192.0.2.10:80")).has_value());
  EXPECT_FALSE(make_packet(words("tcp", "2001:db8::1:80", "192.0.2.10:80")).has_value());
  EXPECT_FALSE(make_packet(words("tcp", "[2001:db8::1]:80", "192.0.2.10:80")).has_value());
  auto small = words("tcp", "198.51.100.7:4000", "192.0.2.10:80");
  small.size = 39;
  EXPECT_FALSE(make_packet(small).has_value());
}

}  // namespace
}  // namespace lvsd::ctl
