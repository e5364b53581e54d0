// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/crc32c.h"

#include <array>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

constexpr std::uint32_t kReflected = 0x82f63b78;  // 0x1EDC6F41 with its bits in reverse
constexpr std::uint32_t kBegin = 0xffffffff;
constexpr std::size_t kSlices = 8, kChecksumOffset = 8;

using Slice = std::array<std::uint32_t, 256>;

// Table k holds the remainder of each byte value with k zero bytes behind it.
constexpr std::array<Slice, kSlices> make_tables() {
  std::array<Slice, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1U ^ ((remainder & 1U) != 0 ? kReflected : 0);
    }
    tables[0][byte] = remainder;
  }
  for (std::size_t k = 1; k < kSlices; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8U ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}
constexpr std::array<Slice, kSlices> kTables = make_tables();
static_assert(kTables[0][1] == 0xf26b8303);

std::uint32_t byte_at(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<std::uint32_t>(bytes[at]);
}

std::uint32_t step(std::uint32_t crc, std::span<const std::byte> eight) {
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < kSlices; ++i) {
    const std::uint32_t mixed = i < 4 ? crc >> (8 * i) & 0xffU : 0;
    next ^= kTables[kSlices - 1 - i][byte_at(eight, i) ^ mixed];
  }
  return next;
}

std::uint32_t extend(std::uint32_t crc, std::span<const std::byte> bytes) {
  while (bytes.size() >= kSlices) {
    crc = step(crc, bytes.first(kSlices));
    bytes = bytes.subspan(kSlices);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc = crc >> 8U ^ kTables[0][(crc ^ byte_at(bytes, i)) & 0xffU];
  }
  return crc;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept { return ~extend(kBegin, bytes); }

Be32 sctp_checksum(std::span<const std::byte> packet) noexcept {
  if (packet.size() < sizeof(SctpHeader)) return Be32();
  constexpr std::array<std::byte, 4> kZero{};
  std::uint32_t crc = extend(kBegin, packet.first(kChecksumOffset));
  crc = extend(crc, kZero);
  crc = ~extend(crc, packet.subspan(sizeof(SctpHeader)));
  return Be32(crc << 24U | (crc & 0xff00U) << 8U | (crc >> 8U & 0xff00U) | crc >> 24U);
}

}  // namespace lvsd
