// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/queue_message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace lvsd {
namespace {

// Netlink is in host order and aligned to four bytes, attributes of netfilter in network order.
template <class T>
std::optional<T> read(std::span<const std::byte> in, std::size_t offset) {
  if (offset > in.size() || sizeof(T) > in.size() - offset) return std::nullopt;
  T value;
  std::memcpy(&value, in.data() + offset, sizeof(T));
  return value;
}

std::uint32_t number(std::span<const std::byte> attribute) {
  return read<Be32>(attribute, 0).value_or(Be32{}).host();
}

constexpr std::uint16_t kPacketType = (NFNL_SUBSYS_QUEUE << 8U) | NFQNL_MSG_PACKET;
constexpr std::size_t kFirstAttribute = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));

// Attributes of which the packet's length is known only when all have been seen.
struct Seen {
  bool id = false;
  std::optional<std::uint32_t> full_length;  // NFQA_CAP_LEN: of a packet that was not copied whole
};

void take(std::uint16_t type, std::span<const std::byte> value, std::size_t offset,
          QueueMessage& out, Seen& seen) {
  switch (type) {
    case NFQA_PACKET_HDR:
      if (const auto header = read<nfqnl_msg_packet_hdr>(value, 0)) {
        out.id = to_big(header->packet_id);
        out.protocol = to_big(header->hw_protocol);
        out.hook = header->hook;
        seen.id = true;
      }
      break;
    case NFQA_MARK:
      out.mark = number(value);
      break;
    case NFQA_IFINDEX_INDEV:
      out.in = InterfaceIndex{number(value)};
      break;
    case NFQA_SKB_INFO: {
      const std::uint32_t flags = number(value);
      out.offload = {.unfinished_checksum = (flags & NFQA_SKB_CSUMNOTREADY) != 0,
                     .aggregated = (flags & NFQA_SKB_GSO) != 0};
      break;
    }
    case NFQA_CAP_LEN:
      seen.full_length = number(value);
      break;
    case NFQA_PAYLOAD:
      out.begin = offset;
      out.size = value.size();
      break;
    default:
      break;  // newer kernels say more
  }
}

}  // namespace

std::optional<QueueMessage> parse_queue_message(std::span<const std::byte> message) {
  const auto header = read<nlmsghdr>(message, 0);
  if (!header || header->nlmsg_type != kPacketType) return std::nullopt;
  QueueMessage out;
  Seen seen;
  out.cut = header->nlmsg_len > message.size();
  if (!out.cut) message = message.first(header->nlmsg_len);

  std::size_t at = kFirstAttribute;
  while (const auto attribute = read<nlattr>(message, at)) {
    const std::size_t length = attribute->nla_len;
    if (length < NLA_HDRLEN || length > message.size() - at) {
      out.cut = true;
      break;
    }
    const std::size_t value = at + NLA_HDRLEN;
    take(attribute->nla_type & NLA_TYPE_MASK, message.subspan(value, length - NLA_HDRLEN), value,
         out, seen);
    at += NLA_ALIGN(length);
    if (at > message.size()) break;  // the last attribute's padding may be left out
  }
  if (!seen.id) return std::nullopt;
  if (seen.full_length && *seen.full_length > out.size) out.cut = true;
  if (out.cut) out.begin = out.size = 0;
  return out;
}

namespace {

// Reads numbers separated by blanks; false where the line holds fewer. Older kernels print ports,
// which are unsigned, as signed.
template <std::size_t n>
bool read_numbers(std::string_view line, std::array<std::uint32_t, n>& out) {
  const char* at = line.data();
  const char* const end = at + line.size();
  for (std::uint32_t& value : out) {
    while (at != end && *at == ' ') ++at;
    std::int64_t read = 0;
    const auto [rest, error] = std::from_chars(at, end, read);
    if (error != std::errc{}) return false;
    value = static_cast<std::uint32_t>(read);
    at = rest;
  }
  return true;
}

}  // namespace

std::optional<QueueStatus> parse_queue_status(std::string_view table, std::uint16_t queue) {
  while (!table.empty()) {
    const std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    // Queue, owner, waiting, copy mode, copy range, dropped, dropped for the user, last id.
    std::array<std::uint32_t, 8> columns{};
    if (read_numbers(line, columns) && columns[0] == queue) {
      return QueueStatus{.owner = columns[1],
                         .waiting = columns[2],
                         .dropped = columns[5],
                         .user_dropped = columns[6]};
    }
  }
  return std::nullopt;
}

}  // namespace lvsd
