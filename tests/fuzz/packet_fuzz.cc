// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a packet: as they are, and with their IP length and checksum made right, since no
// mutation would ever guess a checksum. Every offset is also tried as that of a quoted packet.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "support/packet_builder.h"
#include "support/view_invariants.h"

namespace {

using namespace lvsd;
using namespace lvsd::test;

void expect_none(const std::string& broken) {
  if (broken.empty()) return;
  std::fprintf(stderr, "broken promise: %s\n", broken.c_str());
  std::abort();
}

void parse(View bytes) {
  const Result<PacketView, Malformed> view = parse_packet(bytes);
  if (view) expect_none(broken_promise(bytes, *view));
}

Bytes with_right_header(View bytes) {
  Bytes packet(bytes.begin(), bytes.end());
  const std::size_t size = std::min<std::size_t>(packet.size(), 0xffff);
  packet.resize(size);
  packet[2] = std::byte(size >> 8U);
  packet[3] = std::byte(size & 0xffU);
  const std::size_t header = (std::to_integer<std::size_t>(packet[0]) & 0x0fU) * 4;
  if (header >= 20 && header <= size) fix_ip_checksum(packet);
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View bytes = std::as_bytes(std::span(data, size));
  parse(bytes);
  if (size >= 20) parse(with_right_header(bytes));
  for (std::size_t offset = 0; offset <= size; ++offset) {
    const std::optional<QuotedPacket> quoted = parse_quoted(bytes, offset);
    if (quoted) expect_none(broken_promise(bytes, offset, *quoted));
  }
  return 0;
}
