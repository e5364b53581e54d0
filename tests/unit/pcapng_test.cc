// SPDX-License-Identifier: GPL-2.0-or-later
// Read back by libpcap, which knows nothing of comments, and field by field for those.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "lvsd/io/pcap_reader.h"
#include "lvsd/io/pcapng_writer.h"
#include "support/packet_builder.h"

namespace lvsd {
namespace {

using namespace test;

std::uint32_t word(const std::string& file, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

const TimePoint kTime{std::chrono::nanoseconds(1'700'000'000'123'456'789)};

TEST(Pcapng, IsReadByLibpcap) {
  const std::string name = testing::TempDir() + "pcapng_test.pcapng";
  const Bytes packet = tcp_packet({});
  {
    std::ofstream out(name, std::ios::binary);
    PcapngWriter writer(out);
    writer.write(kTime, packet, packet.size(), "no-route: there is no route to the next hop");
    writer.write(kTime + std::chrono::seconds(1), View(packet).first(21), packet.size(), "");
    EXPECT_TRUE(writer.good());
  }
  auto reader = PcapReader::open(name);
  ASSERT_TRUE(reader.has_value()) << reader.error().message;
  EXPECT_EQ(reader->link_type(), LinkType::raw_ip);
  auto first = reader->next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->time, kTime);
  EXPECT_TRUE(std::ranges::equal((*first)->bytes, packet));
  auto second = reader->next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->bytes.size(), 21U);
  EXPECT_EQ((*second)->length, packet.size());
  const auto third = reader->next();
  ASSERT_TRUE(third.has_value());
  EXPECT_FALSE(third->has_value());
  std::remove(name.c_str());
}

// Every block is as long as it says at both ends, and the comment is option 1 of its packet.
TEST(Pcapng, HasCommentsInWholeBlocks) {
  std::ostringstream out;
  PcapngWriter writer(out);
  const Bytes packet = udp_packet({}, {}, text("odd"));
  writer.write(kTime, packet, packet.size(), "later-fragment");
  const std::string file = out.str();
  std::size_t at = 0, blocks = 0;
  while (at < file.size()) {
    const std::uint32_t length = word(file, at + 4);
    ASSERT_EQ(length % 4, 0U);
    ASSERT_LE(at + length, file.size());
    EXPECT_EQ(word(file, at + length - 4), length);
    if (word(file, at) == 6) {
      const std::size_t options = at + 28 + (packet.size() + 3) / 4 * 4;
      EXPECT_EQ(word(file, options), 1U | (14U << 16U));
      EXPECT_EQ(file.substr(options + 4, 14), "later-fragment");
    }
    at += length;
    ++blocks;
  }
  EXPECT_EQ(blocks, 3U);
}

}  // namespace
}  // namespace lvsd
