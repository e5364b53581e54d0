// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/net/address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace lvsd {
namespace {

// Reads digits of `base` with at most `width` of them; nothing where there is none, or one too
// many. `text` is left behind the number.
std::optional<unsigned> take_number(std::string_view& text, int base, std::size_t width) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || length > width) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// A decimal number without leading zeros, which some readers would take for octal.
std::optional<std::uint8_t> take_octet(std::string_view& text) {
  const bool leading_zero = text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
  if (leading_zero) return std::nullopt;
  const std::optional<unsigned> value = take_number(text, 10, 3);
  if (!value || *value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(*value);
}

bool take(std::string_view& text, std::string_view token) {
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

std::optional<Ipv4Address> parse_v4(std::string_view text) {
  Ipv4Address::Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && !take(text, ".")) return std::nullopt;
    const std::optional<std::uint8_t> octet = take_octet(text);
    if (!octet) return std::nullopt;
    bytes[i] = *octet;
  }
  if (!text.empty()) return std::nullopt;
  return Ipv4Address(bytes);
}

// The groups of an IPv6 address as they are read: those before "::" at the front, those behind it
// moved to the back once all are known (RFC 4291 section 2.2).
class V6Reader {
 public:
  std::optional<IpAddress::Bytes> read(std::string_view text) {
    if (take(text, "::")) {
      gap_ = 0;
    }
    while (!text.empty()) {
      if (!take_group(text)) return std::nullopt;
      if (text.empty()) break;
      if (take(text, "::")) {
        if (gap_) return std::nullopt;
        gap_ = size_;
      } else if (!take(text, ":") || text.empty()) {
        return std::nullopt;
      }
    }
    return finish();
  }

 private:
  bool take_group(std::string_view& text) {
    const std::size_t end = text.find_first_of(":.");
    if (end != std::string_view::npos && text[end] == '.') return take_dotted(text);
    const std::optional<unsigned> value = take_number(text, 16, 4);
    if (!value || size_ + 2 > bytes_.size()) return false;
    bytes_[size_++] = static_cast<std::uint8_t>(*value >> 8U);
    bytes_[size_++] = static_cast<std::uint8_t>(*value & 0xffU);
    return true;
  }

  // The last 32 bits may be written as an IPv4 address.
  bool take_dotted(std::string_view& text) {
    const std::optional<Ipv4Address> v4 = parse_v4(text);
    if (!v4 || size_ + 4 > bytes_.size()) return false;
    for (const std::uint8_t byte : v4->bytes()) bytes_[size_++] = byte;
    text = {};
    return true;
  }

  std::optional<IpAddress::Bytes> finish() {
    if (!gap_) return size_ == bytes_.size() ? std::optional(bytes_) : std::nullopt;
    if (size_ == bytes_.size()) return std::nullopt;  // "::" stands for at least one group
    IpAddress::Bytes out{};
    const std::size_t tail = size_ - *gap_;
    std::memcpy(out.data(), bytes_.data(), *gap_);
    std::memcpy(out.data() + out.size() - tail, bytes_.data() + *gap_, tail);
    return out;
  }

  IpAddress::Bytes bytes_{};
  std::size_t size_ = 0;
  std::optional<std::size_t> gap_;
};

unsigned group(const IpAddress::Bytes& bytes, std::size_t i) {
  return (unsigned{bytes[2 * i]} << 8U) | bytes[2 * i + 1];
}

// The longest run of zero groups, the first of equals, at least two long (RFC 5952 section 4.2).
struct ZeroRun {
  std::size_t begin = 8, length = 0;
};
ZeroRun longest_zero_run(const IpAddress::Bytes& bytes) {
  ZeroRun best;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && group(bytes, end) == 0) ++end;
    if (end - i >= 2 && end - i > best.length) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

void append_hex(std::string& out, unsigned value) {
  char digits[8];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value, 16);
  static_cast<void>(error);  // a buffer of eight digits holds every 32-bit number
  out.append(digits, end);
}

std::string format_v6(const IpAddress::Bytes& bytes) {
  const ZeroRun run = longest_zero_run(bytes);
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run.begin) {
      out += "::";
      i += run.length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_hex(out, group(bytes, i));
  }
  return out;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const std::optional<Ipv4Address> v4 = parse_v4(text);
    return v4 ? std::optional<IpAddress>(*v4) : std::nullopt;
  }
  const std::optional<Bytes> bytes = V6Reader().read(text);
  if (!bytes) return std::nullopt;
  const IpAddress address(*bytes);
  if (address.is_v4()) return std::nullopt;  // the mapped form: an IPv4 address in disguise
  return address;
}

bool IpAddress::is_unspecified() const {
  return *this == IpAddress() || *this == IpAddress(Ipv4Address());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  Bytes one{};
  one[15] = 1;
  return bytes_ == one;
}

bool IpAddress::is_link_local() const {
  return !is_v4() && bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80U;
}

bool IpAddress::is_multicast() const {
  if (is_v4()) return (bytes_[12] & 0xf0U) == 0xe0U || *this == IpAddress(255, 255, 255, 255);
  return bytes_[0] == 0xff;
}

std::optional<Mac> Mac::parse(std::string_view text) {
  constexpr std::size_t kLength = 17;
  if (text.size() != kLength) return std::nullopt;
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::optional<unsigned> high = hex_digit(text[3 * i]);
    const std::optional<unsigned> low = hex_digit(text[3 * i + 1]);
    if (!high || !low) return std::nullopt;
    if (i > 0 && text[3 * i - 1] != ':') return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*high * 16 + *low);
  }
  return Mac(bytes);
}

IpAddress masked(const IpAddress& address, std::uint8_t length) {
  IpAddress::Bytes bytes = address.bytes();
  const unsigned keep = length + (128 - address.width());
  for (unsigned i = 0; i < bytes.size(); ++i) {
    if (keep >= 8 * (i + 1)) continue;
    const unsigned kept_bits = keep > 8 * i ? keep - 8 * i : 0;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept_bits));
  }
  return IpAddress(bytes);
}

Prefix Prefix::of(const IpAddress& address, std::uint8_t length) {
  const auto bounded = static_cast<std::uint8_t>(std::min<unsigned>(length, address.width()));
  return Prefix{masked(address, bounded), bounded};
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) {
    return of(*address, static_cast<std::uint8_t>(address->width()));
  }
  std::string_view digits = text.substr(slash + 1);
  const std::optional<std::uint8_t> length = take_octet(digits);
  if (!length || !digits.empty() || *length > address->width()) return std::nullopt;
  return of(*address, *length);
}

bool Prefix::contains(const IpAddress& other) const {
  return other.is_v4() == address.is_v4() && masked(other, length) == address;
}

std::string to_string(Port port) { return std::to_string(port.host()); }

std::string to_string(const Ipv4Address& address) {
  std::string out;
  for (const std::uint8_t byte : address.bytes()) {
    if (!out.empty()) out += '.';
    out += std::to_string(byte);
  }
  return out;
}

std::string to_string(const IpAddress& address) {
  return address.is_v4() ? to_string(address.v4()) : format_v6(address.bytes());
}

std::string to_string(const Mac& mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : mac.bytes()) {
    if (!out.empty()) out += ':';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xfU];
  }
  return out;
}

std::string to_string(const Prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

// Two multiply-and-shift rounds: spreads addresses that differ in few bits over all buckets.
}  // namespace lvsd
