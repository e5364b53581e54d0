// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl list --connections: page after page, printed as it comes, since a table may hold millions.
#include <iostream>

#include "lvsd/control/connection_list.h"
#include "lvsd/ctl/live.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

// Calls `show` with each page, in the form of the control socket too; false where one is missing.
template <class Show>
bool each_page(LiveCommand& command, Show&& show) {
  std::optional<Cursor> at = Cursor{};
  while (at) {
    const auto reply = command.ask(Request{Command::connections, *at});
    if (!reply) return false;
    const auto page = parse_connections(*reply);
    if (!page) {
      std::cerr << "lvsctl: " << page.error().message << "\n";
      return false;
    }
    show(*page, *reply);
    at = page->next;
  }
  return true;
}

}  // namespace

int list_connections(LiveCommand& command) {
  if (command.given("json")) {
    json all = json::array();
    const bool complete = each_page(command, [&](const ListedConnections&, const json& reply) {
      for (const json& connection : reply.at("connections")) all.push_back(connection);
    });
    if (!complete) return command.failure();
    const json whole = {{"version", kControlVersion}, {"ok", true}, {"connections", all}};
    std::cout << whole.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    return kFine;
  }
  const bool with_engine = command.given("persistent-conn");
  bool titled = false;
  const bool complete = each_page(command, [&](const ListedConnections& page, const json&) {
    if (!titled) std::cout << connections_title(with_engine);
    titled = true;
    for (const ConnectionSnapshot& connection : page.connections) {
      std::cout << format_connection(connection, with_engine);
    }
  });
  return complete ? kFine : command.failure();
}

}  // namespace lvsd::ctl
