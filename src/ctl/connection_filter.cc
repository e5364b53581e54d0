// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/connection_filter.h"

#include <charconv>

namespace lvsd::ctl {

bool Prefix::holds(const IpAddress& other) const {
  return other.is_v4() == address.is_v4() && masked(other, length) == masked(address, length);
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned longest = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) {
    return Prefix{*address, static_cast<std::uint8_t>(longest)};
  }
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > longest) {
    return std::nullopt;
  }
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

// A connection does not name its service: it is the one that listens where the connection went.
bool ConnectionFilter::matches(const ConnectionSnapshot& connection) const {
  if (client && !client->holds(connection.client.address)) return false;
  if (destination && !destination->matches(connection.destination)) return false;
  if (!state.empty() && connection.state != state) return false;
  if (!service) return true;
  return connection.protocol == static_cast<std::uint8_t>(service->protocol) &&
         connection.virtual_end.address == service->listen.address &&
         (service->is_any_port() || connection.virtual_end.port == service->listen.port);
}

}  // namespace lvsd::ctl
