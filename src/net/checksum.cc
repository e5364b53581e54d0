// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/checksum.h"

#include <cstring>

namespace lvsd {
namespace {

// Two 32-bit words at once, in halves that cannot overflow: eight bytes cost a load and three
// operations.
struct Lanes {
  std::uint64_t low = 0, high = 0;
  void add(const std::byte* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    low += word & 0xffffffffU;
    high += word >> 32U;
  }
};

}  // namespace

void ChecksumSum::add(std::span<const std::byte> bytes) {
  constexpr std::size_t kWord = sizeof(std::uint32_t), kPair = 2 * kWord, kBlock = 4 * kPair;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  Lanes even, odd;
  for (; left >= kBlock; left -= kBlock, at += kBlock) {
    even.add(at);
    odd.add(at + kPair);
    even.add(at + 2 * kPair);
    odd.add(at + 3 * kPair);
  }
  sum_ += even.low + even.high + odd.low + odd.high;
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

void ChecksumDelta::replace_v6(const IpAddress& old_address, const IpAddress& new_address) {
  const auto before = std::bit_cast<std::array<std::uint32_t, 4>>(old_address.bytes());
  const auto after = std::bit_cast<std::array<std::uint32_t, 4>>(new_address.bytes());
  for (std::size_t i = 0; i < before.size(); ++i) {
    sum_ += std::uint64_t{~before[i]} + after[i];
  }
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
