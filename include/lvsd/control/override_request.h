// SPDX-License-Identifier: GPL-2.0-or-later
// What drain, undrain and weight ask for, as the fields of a request.
//   {"command": "drain", "destination": "10.0.0.11:80", "service": "web", "deadline": 1800,
//    "on_deadline": "reset", "clients": "move"}
//   {"command": "weight", "destination": "10.0.0.11", "weight": 5}      without a weight: the
//   file's
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lvsd/model/service.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct OverrideRequest {
  std::string destination;  // an address, for all ports of it, or address and port
  std::optional<std::uint16_t> weight = {};
  std::optional<std::uint32_t> deadline = {};  // seconds from now
  Ending on_deadline = Ending::keep;
  bool keeps_clients = true;
};

// Takes `key` if it is one of these, but for the destination; false if it is not. An error where
// its value is wrong.
Result<bool, Error> take_field(OverrideRequest& request, const std::string& key,
                               const nlohmann::json& value);
void put_fields(nlohmann::json& line, const OverrideRequest& request);

// The address, and the port where one is named.
struct NamedEndpoint {
  IpAddress address;
  std::optional<Port> port;
  bool matches(const Endpoint& endpoint) const {
    return endpoint.address == address && (!port || endpoint.port == *port);
  }
};
std::optional<NamedEndpoint> parse_named_endpoint(std::string_view text);

}  // namespace lvsd
