// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and ports as distinct types. All are kept in network order inside; `to_string` is the
// one function that prints each, and `parse` the one that reads it.
//
// IpAddress holds either family in 16 bytes, IPv4 as the mapped form ::ffff:a.b.c.d (RFC 4291
// section 2.5.5.2), so that tables have one key type. Parsing refuses the textual mapped form: an
// IPv4 address is written as one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/net/wire.h"

namespace lvsd {

class Port {
 public:
  constexpr Port() = default;
  constexpr explicit Port(std::uint16_t host) : value_(host) {}
  constexpr explicit Port(Be16 wire) : value_(wire) {}
  constexpr std::uint16_t host() const { return value_.host(); }
  constexpr Be16 wire() const { return value_; }
  friend constexpr bool operator==(Port, Port) = default;
  friend constexpr auto operator<=>(Port a, Port b) { return a.host() <=> b.host(); }

 private:
  Be16 value_;
};

class Ipv4Address {
 public:
  using Bytes = std::array<std::uint8_t, 4>;
  constexpr Ipv4Address() = default;
  constexpr explicit Ipv4Address(Bytes bytes) : bytes_(bytes) {}
  constexpr explicit Ipv4Address(Be32 wire) : bytes_(std::bit_cast<Bytes>(wire)) {}
  constexpr Bytes bytes() const { return bytes_; }
  constexpr Be32 wire() const { return std::bit_cast<Be32>(bytes_); }
  friend constexpr auto operator<=>(const Ipv4Address&, const Ipv4Address&) = default;

 private:
  Bytes bytes_{};
};

class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;
  constexpr IpAddress() = default;
  constexpr explicit IpAddress(Bytes bytes) : bytes_(bytes) {}
  constexpr IpAddress(
      Ipv4Address v4)  // NOLINT(google-explicit-constructor): widening, loses nothing
      : bytes_{0,
               0,
               0,
               0,
               0,
               0,
               0,
               0,
               0,
               0,
               0xff,
               0xff,
               v4.bytes()[0],
               v4.bytes()[1],
               v4.bytes()[2],
               v4.bytes()[3]} {}
  constexpr IpAddress(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
      : IpAddress(Ipv4Address(Ipv4Address::Bytes{a, b, c, d})) {}

  static std::optional<IpAddress> parse(std::string_view text);

  constexpr bool is_v4() const {
    const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(bytes_);
    return (words[0] | words[1]) == 0 && words[2] == to_big(std::uint32_t{0x0000ffff});
  }
  constexpr Ipv4Address v4() const {  // meaningful only where is_v4()
    return std::bit_cast<std::array<Ipv4Address, 4>>(bytes_)[3];
  }
  constexpr Bytes bytes() const { return bytes_; }
  constexpr unsigned width() const { return is_v4() ? 32 : 128; }  // bits in a full prefix
  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_link_local() const;  // of IPv6: fe80::/10
  bool is_multicast() const;   // IPv4 limited broadcast counts: nothing is forwarded to either
  // Not defaulted: that calls memcmp, and every packet compares half a dozen addresses.
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    using Halves = std::array<std::uint64_t, 2>;
    const auto left = std::bit_cast<Halves>(a.bytes_), right = std::bit_cast<Halves>(b.bytes_);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Bytes bytes_{};
};

class Mac {
 public:
  using Bytes = std::array<std::uint8_t, 6>;
  constexpr Mac() = default;
  constexpr explicit Mac(Bytes bytes) : bytes_(bytes) {}
  static std::optional<Mac> parse(std::string_view text);  // six hex pairs joined by ':'
  constexpr Bytes bytes() const { return bytes_; }
  friend constexpr auto operator<=>(const Mac&, const Mac&) = default;

 private:
  Bytes bytes_{};
};

// An address range; bits behind `length` are zero. `length` counts within the address's own family.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  // "10.1.0.0/16", or an address alone (a full-length prefix). Host bits are cleared.
  static std::optional<Prefix> parse(std::string_view text);
  static Prefix of(const IpAddress& address, std::uint8_t length);
  bool contains(const IpAddress& address) const;
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// `address` with all bits behind `length` (counted in its own family) cleared.
IpAddress masked(const IpAddress& address, std::uint8_t length);

std::string to_string(Port port);
std::string to_string(const Ipv4Address& address);
std::string to_string(const IpAddress& address);  // RFC 5952 for IPv6
std::string to_string(const Mac& mac);
std::string to_string(const Prefix& prefix);

// For maps whose keys no client chooses (interfaces, routes, services). Tables keyed by what a
// client sends use the seeded hash of net/siphash.h.
struct IpAddressHash {
  std::size_t operator()(const IpAddress& address) const {
    constexpr std::uint64_t kOdd1 = 0xff51afd7ed558ccdU, kOdd2 = 0xc4ceb9fe1a85ec53U;
    const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(address.bytes());
    std::uint64_t hash = halves[0] * kOdd1 ^ halves[1];
    hash = (hash ^ (hash >> 32U)) * kOdd1;
    hash = (hash ^ (hash >> 32U)) * kOdd2;
    return static_cast<std::size_t>(hash ^ (hash >> 32U));
  }
};

}  // namespace lvsd
