// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/queue_message.h"

#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <array>
#include <cstring>
#include <vector>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& out, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Writes a message as the kernel does: netlink header, netfilter header, padded attributes.
class MessageBuilder {
 public:
  explicit MessageBuilder(std::uint16_t type = NFNL_SUBSYS_QUEUE << 8U | NFQNL_MSG_PACKET) {
    append(
        bytes_,
        nlmsghdr{
            .nlmsg_len = 0, .nlmsg_type = type, .nlmsg_flags = 0, .nlmsg_seq = 0, .nlmsg_pid = 0});
    append(bytes_, nfgenmsg{.nfgen_family = 2, .version = 0, .res_id = 0});
  }
  template <class T>
  MessageBuilder& attribute(std::uint16_t type, const T& value) {
    return bytes(type, std::as_bytes(std::span(&value, 1)));
  }
  MessageBuilder& bytes(std::uint16_t type, std::span<const std::byte> value) {
    append(bytes_, nlattr{.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + value.size()),
                          .nla_type = type});
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.resize(NLA_ALIGN(bytes_.size()));
    return *this;
  }
  MessageBuilder& header(std::uint32_t id) {
    return attribute(
        NFQA_PACKET_HDR,
        nfqnl_msg_packet_hdr{
            .packet_id = to_big(id), .hw_protocol = to_big<std::uint16_t>(0x0800), .hook = 3});
  }
  Bytes build() {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &length, sizeof length);
    return bytes_;
  }

 private:
  Bytes bytes_;
};

const Bytes kPayload(41, std::byte{0x5a});

Bytes whole_message() {
  return MessageBuilder()
      .header(0x01020304)
      .attribute(NFQA_IFINDEX_INDEV, Be32{7})
      .attribute(NFQA_MARK, Be32{0xcafe})
      .attribute(NFQA_HWADDR, nfqnl_msg_packet_hw{})
      .bytes(NFQA_PAYLOAD, kPayload)
      .build();
}

TEST(QueueMessage, SaysWhatThePacketIsAndWhereItLies) {
  const Bytes bytes = whole_message();
  const auto message = parse_queue_message(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->id, 0x01020304U);
  EXPECT_EQ(message->protocol, ethertype::kIpv4);
  EXPECT_EQ(message->hook, 3);
  EXPECT_EQ(message->in, InterfaceIndex{7});
  EXPECT_EQ(message->mark, 0xcafeU);
  EXPECT_FALSE(message->cut);
  ASSERT_EQ(message->size, kPayload.size());
  EXPECT_EQ(message->begin, bytes.size() - 44);
  EXPECT_TRUE(std::equal(kPayload.begin(), kPayload.end(),
                         bytes.begin() + static_cast<std::ptrdiff_t>(message->begin)));
}

// The id is known as soon as its attribute is there, which is the first one; the packet is never
// taken for whole before it is.
TEST(QueueMessage, EveryPrefixIsNothingOrCut) {
  const Bytes bytes = whole_message();
  const std::size_t id_ends = NLMSG_HDRLEN + 4 + NLA_HDRLEN + sizeof(nfqnl_msg_packet_hdr);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto message = parse_queue_message(prefix);
    ASSERT_EQ(message.has_value(), size >= id_ends) << size;
    if (!message) continue;
    EXPECT_EQ(message->id, 0x01020304U) << size;
    EXPECT_TRUE(message->cut) << size;
    EXPECT_EQ(message->size, 0U) << size;
  }
}

// Prefixes that claim to be whole: the lengths inside are not believed either.
TEST(QueueMessage, EveryPrefixWithItsOwnLengthStaysInside) {
  const Bytes bytes = whole_message();
  for (std::size_t size = NLMSG_HDRLEN; size < bytes.size(); ++size) {
    Bytes prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(prefix.data(), &length, sizeof length);
    if (const auto message = parse_queue_message(prefix)) {
      EXPECT_LE(message->begin + message->size, size);
      EXPECT_TRUE(message->size == 0 || message->size == kPayload.size()) << size;
    }
  }
}

TEST(QueueMessage, RefusesAttributeLengthsThatLeadNowhere) {
  for (const std::uint16_t length : std::array<std::uint16_t, 5>{0, 1, 3, 200, 0xffff}) {
    Bytes bytes = whole_message();
    std::memcpy(bytes.data() + bytes.size() - 48, &length, sizeof length);  // of the payload
    const auto message = parse_queue_message(bytes);
    ASSERT_TRUE(message) << length;
    EXPECT_TRUE(message->cut) << length;
  }
}

TEST(QueueMessage, KnowsAPacketThatTheKernelDidNotCopyWhole) {
  const auto message = parse_queue_message(MessageBuilder()
                                               .header(9)
                                               .attribute(NFQA_CAP_LEN, Be32{42})
                                               .bytes(NFQA_PAYLOAD, kPayload)
                                               .build());
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->cut);
}

TEST(QueueMessage, IgnoresOtherMessages) {
  EXPECT_FALSE(parse_queue_message(MessageBuilder(NLMSG_ERROR).header(1).build()));
  EXPECT_FALSE(parse_queue_message(MessageBuilder().bytes(NFQA_PAYLOAD, kPayload).build()));
}

constexpr std::string_view kTable =
    "    5  12345     3 2 65531     7     9       44  1\n"
    "   16 -987654321 0 2 65531     0 4294967295   1  1\n";

TEST(QueueStatus, FindsTheLineOfAQueue) {
  const auto five = parse_queue_status(kTable, 5);
  ASSERT_TRUE(five);
  EXPECT_EQ(five->owner, 12345U);
  EXPECT_EQ(five->waiting, 3U);
  EXPECT_EQ(five->dropped, 7U);
  EXPECT_EQ(five->user_dropped, 9U);
  const auto sixteen = parse_queue_status(kTable, 16);
  ASSERT_TRUE(sixteen);
  EXPECT_EQ(sixteen->owner, static_cast<std::uint32_t>(-987654321));
  EXPECT_EQ(sixteen->user_dropped, 4294967295U);
  EXPECT_FALSE(parse_queue_status(kTable, 1));
  EXPECT_FALSE(parse_queue_status("", 0));
}

TEST(QueueStatus, EveryPrefixGivesAllOrNothing) {
  for (std::size_t size = 0; size < kTable.size(); ++size) {
    const auto status = parse_queue_status(kTable.substr(0, size), 5);
    if (status) {
      EXPECT_EQ(status->user_dropped, 9U) << size;
    }
  }
}

}  // namespace
}  // namespace lvsd
