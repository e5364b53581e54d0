// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/checksum.h"

#include <cstring>

namespace lvsd {
namespace {

// Adding the halves keeps the value modulo 2^16 - 1, and a sum that is not zero stays so: the two
// zeros of one's complement are not mixed up, which is what RFC 1624 section 3 is about.
std::uint16_t fold(std::uint64_t sum) {
  sum = (sum & 0xffffffffU) + (sum >> 32U);
  sum = (sum & 0xffffffffU) + (sum >> 32U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16U));
}

Be16 complement(std::uint16_t folded) {
  return std::bit_cast<Be16>(static_cast<std::uint16_t>(~folded));
}

std::uint16_t inverted(std::uint16_t word) { return static_cast<std::uint16_t>(~word); }

}  // namespace

void ChecksumSum::add(std::span<const std::byte> bytes) {
  constexpr std::size_t kWord = sizeof(std::uint32_t);
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kWord; left -= kWord, at += kWord) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, kWord);
    sum_ += word;
  }
  if (left == 0) return;
  std::uint32_t word = 0;  // a trailing odd byte is padded with zero behind it (RFC 1071)
  std::memcpy(&word, at, left);
  sum_ += word;
}

void ChecksumSum::add(const IpAddress& address) {
  if (address.is_v4()) {
    add(address.v4());
  } else {
    add(std::as_bytes(std::span(&address, 1)));
  }
}

void ChecksumSum::add_pseudo(const IpAddress& source, const IpAddress& destination,
                             std::uint8_t protocol, std::size_t length) {
  add(source);
  add(destination);
  add(Be16(protocol));
  sum_ += Be32(static_cast<std::uint32_t>(length)).raw();  // in IPv4 its upper half is zero
}

Be16 ChecksumSum::finish() const { return complement(fold(sum_)); }

void ChecksumDelta::replace(Be16 old_word, Be16 new_word) {
  sum_ += std::uint64_t{inverted(old_word.raw())} + new_word.raw();
}

void ChecksumDelta::replace(const Ipv4Address& old_address, const Ipv4Address& new_address) {
  sum_ += std::uint64_t{~old_address.wire().raw()} + new_address.wire().raw();
}

void ChecksumDelta::replace_v6(const IpAddress& old_address, const IpAddress& new_address) {
  const auto before = std::bit_cast<std::array<std::uint32_t, 4>>(old_address.bytes());
  const auto after = std::bit_cast<std::array<std::uint32_t, 4>>(new_address.bytes());
  for (std::size_t i = 0; i < before.size(); ++i) {
    sum_ += std::uint64_t{~before[i]} + after[i];
  }
}

Be16 ChecksumDelta::apply(Be16 checksum) const {
  return complement(fold(sum_ + inverted(checksum.raw())));
}

Be16 internet_checksum(std::span<const std::byte> bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.finish();
}

void finish_checksum(Ipv4Header& header, std::span<const std::byte> options) {
  header.checksum = Be16();
  ChecksumSum sum;
  sum.add(std::as_bytes(std::span(&header, 1)));
  sum.add(options);
  header.checksum = sum.finish();
}

}  // namespace lvsd
