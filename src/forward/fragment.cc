// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/fragment.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lvsd/net/checksum.h"
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

}  // namespace

void cut_to_mtu(std::span<const std::byte> packet, std::size_t mtu, Emissions& memory,
                std::vector<std::span<const std::byte>>& pieces) {
  pieces.clear();
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
