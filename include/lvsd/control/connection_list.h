// SPDX-License-Identifier: GPL-2.0-or-later
// Single connections as `lvsctl list -c` shows them: a page of them as JSON on the control socket,
// and a line each as in `ipvsadm -Lnc` (reference 8.3).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/control/request.h"
#include "lvsd/director/director.h"
#include "lvsd/net/result.h"

namespace lvsd {

inline constexpr std::uint32_t kPlacesPerPage = 2048;  // of the table; a worker waits for no longer

struct ListedConnections {
  std::vector<ConnectionSnapshot> connections;
  std::optional<Cursor> next;  // what to ask for; none behind the last worker's last page
};

nlohmann::json to_json(const ConnectionSnapshot& connection);
std::string connections_reply(const ListedConnections& page);  // without a newline
Result<ListedConnections, Error> parse_connections(const nlohmann::json& reply);

std::string connections_title(bool with_engine);
// `with_engine`: with the persistence engine's name and data, --persistent-conn.
std::string format_connection(const ConnectionSnapshot& connection, bool with_engine);

}  // namespace lvsd
