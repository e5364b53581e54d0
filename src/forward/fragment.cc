// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/fragment.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lvsd/net/checksum.h"
#include "lvsd/net/extension_headers.h"
#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

constexpr std::size_t kUnit = 8;  // fragment offsets count these
constexpr std::size_t kLargestOptions = 40;

struct Options {
  std::array<std::byte, kLargestOptions> bytes{};
  std::size_t length = 0;
  std::span<const std::byte> used() const { return {bytes.data(), length}; }
};

// The options that later fragments repeat: those with the copied flag (RFC 791 section 3.1),
// padded.
Options copied_options(std::span<const std::byte> options) {
  Options out;
  std::size_t at = 0;
  while (at < options.size()) {
    const auto kind = std::to_integer<unsigned>(options[at]);
    if (kind == 0) break;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) break;
    const auto length = std::to_integer<std::size_t>(options[at + 1]);
    if (length < 2 || length > options.size() - at) break;
    if ((kind & 0x80U) != 0) {
      std::memcpy(out.bytes.data() + out.length, options.data() + at, length);
      out.length += length;
    }
    at += length;
  }
  out.length = (out.length + 3) / 4 * 4;
  return out;
}

struct Piece {
  std::size_t from, length;  // within the payload
  bool more;
};

std::span<const std::byte> make_piece(const Ipv4Header& whole, std::span<const std::byte> options,
                                      std::span<const std::byte> payload, const Piece& piece,
                                      Emissions& memory) {
  const std::size_t header_length = sizeof(Ipv4Header) + options.size();
  const std::span<std::byte> out = memory.allocate(header_length + piece.length);
  Ipv4Header header = whole;
  header.version_ihl = static_cast<std::uint8_t>(0x40U | (header_length / 4));
  header.total_length = Be16(static_cast<std::uint16_t>(out.size()));
  const std::size_t offset = (whole.fragment_offset() + piece.from) / kUnit;
  const unsigned flags = piece.more ? unsigned{Ipv4Header::kMoreFragments} : 0U;
  header.flags_offset = Be16(static_cast<std::uint16_t>(flags | offset));
  finish_checksum(header, options);
  store(out, header);
  if (!options.empty()) {
    std::memcpy(out.data() + sizeof(Ipv4Header), options.data(), options.size());
  }
  std::memcpy(out.data() + header_length, payload.data() + piece.from, piece.length);
  return out;
}

// What the fragments of an IPv6 packet have in common.
struct WholeV6 {
  std::span<const std::byte> repeated;  // the IPv6 header, hop-by-hop options, routing header
  std::span<const std::byte> payload;
  std::size_t next_header_at;  // in `repeated`: what names the payload's first header
  std::uint32_t id;
};

// Where the header before the payload says what comes next: the IPv6 header, or the last extension.
std::size_t last_next_header(std::span<const std::byte> repeated) {
  constexpr std::size_t kInIpv6Header = 6;
  std::size_t at = kInIpv6Header;
  std::size_t end = sizeof(Ipv6Header);
  while (end + 2 <= repeated.size()) {
    at = end;
    end += (std::to_integer<std::size_t>(repeated[end + 1]) + 1) * kUnit;
  }
  return at;
}

std::span<const std::byte> make_piece(const WholeV6& whole, const Piece& piece, Emissions& memory) {
  constexpr std::byte kFragment{44};
  const std::size_t headers = whole.repeated.size() + sizeof(Ipv6FragmentHeader);
  const std::span<std::byte> out = memory.allocate(headers + piece.length);
  std::memcpy(out.data(), whole.repeated.data(), whole.repeated.size());
  Ipv6Header header = *load<Ipv6Header>(out);
  header.payload_length = Be16(static_cast<std::uint16_t>(out.size() - sizeof(Ipv6Header)));
  store(out, header);
  Ipv6FragmentHeader fragment;
  fragment.next_header = std::to_integer<std::uint8_t>(out[whole.next_header_at]);
  fragment.offset_more = Be16(static_cast<std::uint16_t>(piece.from | (piece.more ? 1U : 0U)));
  fragment.id = Be32(whole.id);
  out[whole.next_header_at] = kFragment;
  store(out, fragment, whole.repeated.size());
  std::memcpy(out.data() + headers, whole.payload.data() + piece.from, piece.length);
  return out;
}

void cut_v6(std::span<const std::byte> packet, std::size_t mtu, std::uint32_t id, Emissions& memory,
            std::vector<std::span<const std::byte>>& pieces) {
  const auto chain = walk_extensions(packet, 0);
  if (!chain || chain->has_fragment()) return;
  const auto repeated = packet.first(chain->unfragmentable);
  const WholeV6 whole{repeated, packet.subspan(repeated.size()), last_next_header(repeated), id};
  const std::size_t headers = repeated.size() + sizeof(Ipv6FragmentHeader);
  if (mtu < headers + kUnit) return;
  const std::size_t room = (mtu - headers) / kUnit * kUnit;
  for (std::size_t from = 0; from < whole.payload.size();) {
    const std::size_t left = whole.payload.size() - from;
    const bool last = left <= mtu - headers;
    const std::size_t length = last ? left : room;
    pieces.push_back(make_piece(whole, {from, length, !last}, memory));
    from += length;
  }
}

}  // namespace

void cut_to_mtu(std::span<const std::byte> packet, std::size_t mtu, std::uint32_t id,
                Emissions& memory, std::vector<std::span<const std::byte>>& pieces) {
  pieces.clear();
  if (!packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6) {
    return cut_v6(packet, mtu, id, memory, pieces);
  }
  const auto header = load<Ipv4Header>(packet);
  if (!header || header->header_length() > packet.size()) return;
  const std::size_t header_length = header->header_length();
  if (mtu < header_length + kUnit) return;
  const auto own_options = packet.subspan(sizeof(Ipv4Header), header_length - sizeof(Ipv4Header));
  const Options later = copied_options(own_options);
  const auto payload = packet.subspan(header_length);

  std::size_t from = 0;
  while (from < payload.size()) {
    const auto options = from == 0 ? own_options : later.used();
    const std::size_t room = mtu - sizeof(Ipv4Header) - options.size();
    const std::size_t left = payload.size() - from;
    const bool last = left <= room;
    const std::size_t length = last ? left : room / kUnit * kUnit;
    pieces.push_back(make_piece(*header, options, payload,
                                {from, length, !last || header->more_fragments()}, memory));
    from += length;
  }
}

}  // namespace lvsd
