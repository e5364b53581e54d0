// SPDX-License-Identifier: GPL-2.0-or-later
// Which connections `lvsctl list -c` shows. The table goes by, page after page; what does not match
// is left out here, so that the daemon's side stays a plain walk.
#pragma once

#include <optional>
#include <string>

#include "lvsd/control/override_request.h"
#include "lvsd/director/director.h"
#include "lvsd/net/result.h"

namespace lvsd::ctl {

struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;
  bool holds(const IpAddress& other) const;
};
std::optional<Prefix> parse_prefix(std::string_view text);  // 10.1.0.0/16, or one address

struct ConnectionFilter {
  std::optional<Prefix> client;
  std::optional<NamedEndpoint> destination;
  std::optional<ServiceKey> service;
  std::string state;  // as shown, in capitals; empty: any
  bool empty() const { return !client && !destination && !service && state.empty(); }
  bool matches(const ConnectionSnapshot& connection) const;
};

}  // namespace lvsd::ctl
