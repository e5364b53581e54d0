// SPDX-License-Identifier: GPL-2.0-or-later
// Integers as they lie on the wire, and the only two ways to move a header in or out of a packet.
//
// A Be<T> has alignment 1 and is big-endian inside, so a header struct made of them has exactly the
// layout of its RFC and can be copied from any offset. Nobody casts a buffer pointer to a struct:
// load() and store() copy after a length check, which compilers turn into plain moves.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace lvsd {

template <std::unsigned_integral T>
constexpr T to_big(T value) {
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

template <std::unsigned_integral T>
class Be {
 public:
  constexpr Be() = default;
  constexpr explicit Be(T host) : raw_(std::bit_cast<Raw>(to_big(host))) {}
  constexpr T host() const { return to_big(std::bit_cast<T>(raw_)); }
  // The value as it lies in memory, for checksum arithmetic that is indifferent to byte order.
  constexpr T raw() const { return std::bit_cast<T>(raw_); }
  friend constexpr bool operator==(Be a, Be b) { return a.raw() == b.raw(); }

 private:
  using Raw = std::array<std::byte, sizeof(T)>;
  Raw raw_{};
};

using Be16 = Be<std::uint16_t>;
using Be32 = Be<std::uint32_t>;

template <class H>
concept WireHeader = std::is_trivially_copyable_v<H> && alignof(H) == 1;

// The header at `offset`, or nothing where the bytes end before it does.
template <WireHeader H>
std::optional<H> load(std::span<const std::byte> in, std::size_t offset = 0) {
  if (offset > in.size() || sizeof(H) > in.size() - offset) return std::nullopt;
  H header;
  std::memcpy(&header, in.data() + offset, sizeof(H));
  return header;
}

// Writes the header at `offset`; false, and nothing written, where it does not fit.
template <WireHeader H>
bool store(std::span<std::byte> out, const H& header, std::size_t offset = 0) {
  if (offset > out.size() || sizeof(H) > out.size() - offset) return false;
  std::memcpy(out.data() + offset, &header, sizeof(H));
  return true;
}

}  // namespace lvsd
