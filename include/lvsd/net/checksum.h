// SPDX-License-Identifier: GPL-2.0-or-later
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// Sums are kept unfolded in 64 bits, in memory order: one's complement addition commutes with byte
// swapping (RFC 1071 section 2B), so nothing is swapped until a header field is written.
#pragma once

#include <span>

#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"

namespace lvsd {

// Adding the halves keeps the value modulo 2^16 - 1, and a sum that is not zero stays so: the two
// zeros of one's complement are not mixed up, which is what RFC 1624 section 3 is about.
inline std::uint16_t folded_checksum(std::uint64_t sum) {
  sum = (sum & 0xffffffffU) + (sum >> 32U);
  sum = (sum & 0xffffffffU) + (sum >> 32U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16U));
}

class ChecksumSum {
 public:
  // Adds bytes; only the last span added may have an odd length.
  void add(std::span<const std::byte> bytes);
  void add(Be16 word) { sum_ += word.raw(); }
  void add_word(std::uint32_t word) { sum_ += word; }  // as it lies in memory
  void add(const Ipv4Address& address) { sum_ += address.wire().raw(); }
  void add(const IpAddress& address);  // 4 bytes or 16, by its family
  // The pseudo header of TCP and UDP (RFC 9293 section 3.1) and of all that IPv6 carries (RFC 8200
  // section 8.1), by the addresses' family; length in host order.
  void add_pseudo(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                  std::size_t length);
  // The complement of the folded sum, ready for a header field. A checksum over data that already
  // contains a right checksum gives zero.
  Be16 finish() const {
    return std::bit_cast<Be16>(static_cast<std::uint16_t>(~folded_checksum(sum_)));
  }

 private:
  std::uint64_t sum_ = 0;
};

// What a rewrite changes in every checksum that covers the changed words (RFC 1624 equation 3).
// Collect old and new words once, apply to the IP header and the layer-4 checksum alike.
class ChecksumDelta {
 public:
  void replace(Be16 old_word, Be16 new_word) {
    sum_ += std::uint64_t{inverted(old_word)} + new_word.raw();
  }
  void replace(const Ipv4Address& old_address, const Ipv4Address& new_address) {
    sum_ += std::uint64_t{~old_address.wire().raw()} + new_address.wire().raw();
  }
  void replace_v6(const IpAddress& old_address, const IpAddress& new_address);
  [[nodiscard]] Be16 apply(Be16 checksum) const {
    const std::uint16_t sum = folded_checksum(sum_ + inverted(checksum));
    return std::bit_cast<Be16>(static_cast<std::uint16_t>(~sum));
  }

 private:
  static std::uint16_t inverted(Be16 word) { return static_cast<std::uint16_t>(~word.raw()); }

  std::uint64_t sum_ = 0;
};

Be16 internet_checksum(std::span<const std::byte> bytes);

// Fills in `header.checksum`; the options that follow the fixed part are in `options`.
void finish_checksum(Ipv4Header& header, std::span<const std::byte> options = {});

}  // namespace lvsd
