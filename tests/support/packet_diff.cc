// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/packet_diff.h"

#include <algorithm>
#include <string_view>

namespace lvsd::test {
namespace {

using View = std::span<const std::byte>;

struct Field {
  std::size_t begin;
  std::string_view name;
};

constexpr Field kIp[] = {{0, "version_ihl"},  {1, "tos"},          {2, "total_length"},
                         {4, "id"},           {6, "flags_offset"}, {8, "ttl"},
                         {9, "protocol"},     {10, "checksum"},    {12, "source"},
                         {16, "destination"}, {20, "options"}};
constexpr Field kTcp[] = {{0, "source_port"},    {2, "destination_port"}, {4, "sequence"},
                          {8, "acknowledgment"}, {12, "data_offset"},     {13, "flags"},
                          {14, "window"},        {16, "checksum"},        {18, "urgent"},
                          {20, "options"}};
constexpr Field kUdp[] = {
    {0, "source_port"}, {2, "destination_port"}, {4, "length"}, {6, "checksum"}};
constexpr Field kIcmp[] = {{0, "type"}, {1, "code"}, {2, "checksum"}, {4, "unused"}, {6, "mtu"}};

std::string name_in(std::span<const Field> fields, std::size_t offset) {
  std::string_view name;
  for (const Field& field : fields) {
    if (field.begin <= offset) name = field.name;
  }
  return std::string(name);
}

unsigned byte_at(View bytes, std::size_t at) { return std::to_integer<unsigned>(bytes[at]); }

bool is_icmp_error(View icmp) {
  const unsigned type = byte_at(icmp, 0);
  return type == 3 || type == 4 || type == 11;
}

std::string in_transport(View transport, unsigned protocol, std::size_t offset) {
  if (protocol == 4) return "inner." + field_at(transport, offset);
  if (protocol == 1) {
    if (offset < 8) return "icmp." + name_in(kIcmp, offset);
    if (is_icmp_error(transport))
      return "icmp.quoted." + field_at(transport.subspan(8), offset - 8);
    return "icmp.payload+" + std::to_string(offset - 8);
  }
  if (protocol == 17) {
    return offset < 8 ? "udp." + name_in(kUdp, offset)
                      : "udp.payload+" + std::to_string(offset - 8);
  }
  if (protocol == 6) {
    const std::size_t header = transport.size() > 12 ? (byte_at(transport, 12) >> 4U) * 4 : 20;
    return offset < header ? "tcp." + name_in(kTcp, offset)
                           : "tcp.payload+" + std::to_string(offset - header);
  }
  return "ip.payload+" + std::to_string(offset);
}

std::string rows(View bytes, std::size_t marked) {
  std::string out;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t row = 0; row < bytes.size(); row += 16) {
    for (const unsigned shift : {12U, 8U, 4U, 0U}) out += kDigits[row >> shift & 0xfU];
    out += ' ';
    for (std::size_t i = row; i < std::min(row + 16, bytes.size()); ++i) {
      out += i == marked ? '>' : ' ';
      out += kDigits[byte_at(bytes, i) >> 4U];
      out += kDigits[byte_at(bytes, i) & 0xfU];
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string field_at(View packet, std::size_t offset) {
  if (offset < 20 || packet.empty()) return "ip." + name_in(kIp, offset);
  const std::size_t header = (byte_at(packet, 0) & 0x0fU) * std::size_t{4};
  if (offset < header) return "ip.options";
  if (header < 20 || header >= packet.size()) return "ip.payload";
  const bool later_fragment = ((byte_at(packet, 6) << 8U | byte_at(packet, 7)) & 0x1fffU) != 0;
  if (later_fragment) return "ip.payload+" + std::to_string(offset - header);
  return in_transport(packet.subspan(header), byte_at(packet, 9), offset - header);
}

std::string hexdump(View bytes) { return rows(bytes, bytes.size()); }

std::string packet_diff(View expected, View actual) {
  const auto [left, right] = std::ranges::mismatch(expected, actual);
  if (left == expected.end() && right == actual.end()) return {};
  const auto at = static_cast<std::size_t>(left - expected.begin());
  const bool only_length = left == expected.end() || right == actual.end();
  std::string out = only_length
                        ? "length: expected " + std::to_string(expected.size()) + " bytes, got " +
                              std::to_string(actual.size())
                        : field_at(expected, at) + " differs, at byte " + std::to_string(at);
  return out + "\nexpected:\n" + rows(expected, at) + "actual:\n" + rows(actual, at);
}

testing::AssertionResult same_packet(View expected, View actual) {
  const std::string report = packet_diff(expected, actual);
  if (report.empty()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << report;
}

}  // namespace lvsd::test
