// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lvsd/io/pcap_reader.h"
#include "lvsd/io/pcap_writer.h"
#include "support/scapy_frames.h"

namespace lvsd {
namespace {

using test::from_hex;

class PcapTest : public ::testing::Test {
 protected:
  ~PcapTest() override { std::filesystem::remove(file_); }
  void write(const std::vector<std::byte>& bytes) {
    std::ofstream out(file_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  // Opens and reads to the end; the message of the first failure, or "".
  std::string read_all() {
    auto reader = PcapReader::open(file_);
    if (!reader) return reader.error().message;
    for (;;) {
      const auto frame = reader->next();
      if (!frame) return frame.error().message;
      if (!*frame) return "";
    }
  }
  const std::string file_ = (std::filesystem::temp_directory_path() /
                             ("lvsd-pcap-" + std::to_string(::getpid()) + ".pcap"))
                                .string();
};

TEST_F(PcapTest, WhatIsWrittenIsReadToTheNanosecond) {
  const auto bytes = from_hex(test::kTcp);
  const TimePoint time(Duration(1'732'320'000'123'456'789));
  {
    auto writer = PcapWriter::open(file_);
    ASSERT_TRUE(writer);
    writer->write({time, bytes, bytes.size()});
    writer->write({time, std::span(bytes).first(40), bytes.size()});
    EXPECT_TRUE(writer->close());
  }
  auto reader = PcapReader::open(file_);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->link_type(), LinkType::ethernet);
  const auto first = reader->next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->time, time);
  EXPECT_TRUE(
      std::equal(bytes.begin(), bytes.end(), (*first)->bytes.begin(), (*first)->bytes.end()));
  EXPECT_FALSE((*first)->cut());
  const auto second = reader->next();
  ASSERT_TRUE(second && *second);
  EXPECT_TRUE((*second)->cut());
  EXPECT_EQ((*second)->length, bytes.size());
  const auto end = reader->next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

// Section header, interface description and one enhanced packet block, microseconds.
constexpr std::string_view kPcapng =
    "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"
    "010000001400000001000000000004001400000001000000140000000100000000000400"
    "14000000"
    "06000000300000000100000000000000"
    "40420f00100000001000000000112233445566778899aabbccddeeff30000000";

TEST_F(PcapTest, ReadsPcapngOfSeveralInterfaces) {
  write(from_hex(kPcapng));
  auto reader = PcapReader::open(file_);
  ASSERT_TRUE(reader) << reader.error().message;
  const auto frame = reader->next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->time, TimePoint(std::chrono::seconds(1)));
  EXPECT_EQ((*frame)->bytes.size(), 16U);
}

TEST_F(PcapTest, RefusesWhatIsNoCapture) {
  write(from_hex("68656c6c6f20776f726c64206f6620636170747572657321"));
  EXPECT_NE(read_all().find(file_), std::string::npos);
}

TEST_F(PcapTest, RefusesALinkTypeThatItCannotRead) {
  // A classic header with link type 105 (802.11).
  write(
      from_hex("d4c3b2a1020004000000000000000000000004006900"
               "0000"));
  EXPECT_NE(read_all().find("IEEE802_11"), std::string::npos) << read_all();
}

TEST_F(PcapTest, EveryPrefixOfACaptureIsReadOrRefused) {
  const auto whole = from_hex(kPcapng);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    const std::string message = read_all();
    EXPECT_TRUE(message.empty() || message.find(file_) != std::string::npos) << message;
  }
  write(whole);
  EXPECT_EQ(read_all(), "");
}

}  // namespace
}  // namespace lvsd
