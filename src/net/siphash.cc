// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/siphash.h"

#include <bit>
#include <cstring>

namespace lvsd {
namespace {

std::uint64_t from_little(std::uint64_t word) {
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

}  // namespace

std::uint64_t siphash13(const HashSeed& seed, std::span<const std::byte> bytes) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  SipState sip(seed);
  const std::uint64_t length = bytes.size();
  while (bytes.size() >= kWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), kWord);
    sip.compress(from_little(word));
    bytes = bytes.subspan(kWord);
  }
  std::uint64_t last = length << 56U;  // the low byte of the length tops the remaining 0..7 bytes
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    last |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  sip.compress(last);
  return sip.finish();
}

}  // namespace lvsd
