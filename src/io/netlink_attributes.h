// SPDX-License-Identifier: GPL-2.0-or-later
// Reading netlink attributes from bytes that nobody has checked: integers are in the host's order
// and at any alignment, and everything is copied out after a length check.
#pragma once

#include <linux/netlink.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "lvsd/net/address.h"

namespace lvsd {

using Bytes = std::span<const std::byte>;

// Takes a T off the front (padded to four bytes, as netlink does); nothing where it is not all
// there.
template <class T>
std::optional<T> take(Bytes& bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes = bytes.subspan(std::min(bytes.size(), (sizeof(T) + 3) & ~std::size_t{3}));
  return value;
}

struct Attribute {
  std::uint16_t type = 0;
  Bytes value;

  template <class T>
  std::optional<T> as() const {  // attributes may grow: a longer one still holds a T in front
    Bytes bytes = value;
    return take<T>(bytes);
  }
};

// Calls `visit` for each attribute. False where the bytes are no list of attributes, or where
// `visit` said so of one.
template <class Visit>
bool each_attribute(Bytes bytes, Visit&& visit) {
  while (!bytes.empty()) {
    Bytes rest = bytes;
    const std::optional<nlattr> header = take<nlattr>(rest);
    if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > bytes.size()) return false;
    const Attribute attribute{static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                              bytes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr))};
    if (!visit(attribute)) return false;
    const std::size_t padded = (std::size_t{header->nla_len} + 3) & ~std::size_t{3};
    bytes = bytes.subspan(std::min(bytes.size(), padded));
  }
  return true;
}

// Copies an attribute into `place`; false where it is too short.
template <class T, class U>
bool assign(const Attribute& attribute, U& place) {
  const std::optional<T> value = attribute.as<T>();
  if (value) place = *value;
  return value.has_value();
}

// An address of `family`. An IPv6 attribute holding a mapped IPv4 address is refused: the two
// families share one type here, and no real route or neighbour has such an address.
std::optional<IpAddress> read_address(int family, Bytes bytes);
template <class U>
bool assign_address(int family, const Attribute& attribute, U& place) {
  const std::optional<IpAddress> address = read_address(family, attribute.value);
  if (address) place = *address;
  return address.has_value();
}

std::string read_string(Bytes bytes);  // up to the first zero byte
IpAddress any_address(bool v4);        // 0.0.0.0 or ::

}  // namespace lvsd
