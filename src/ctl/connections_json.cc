// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/connections_json.h"

#include "lvsd/control/connection_list.h"
#include "lvsd/control/json_reader.h"
#include "lvsd/control/json_text.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

ListedConnections read(std::string_view connections, std::string_view next) {
  json page = {{"connections", json::parse(connections)}};
  if (!next.empty()) page["next"] = json::parse(next);
  auto parsed = parse_connections(page);
  if (!parsed) refuse_json(parsed.error().message);
  return std::move(*parsed);
}

bool matches(const ConnectionFilter& filter, std::string_view connection) {
  if (filter.empty()) return true;
  const auto page = read("[" + std::string(connection) + "]", {});
  return page.connections.size() == 1 && filter.matches(page.connections.front());
}

}  // namespace

Result<std::optional<Cursor>, Error> ConnectionsPrinter::add(const std::string& reply) {
  const auto connections = json_member(reply, "connections");
  if (!connections) return fail("the daemon's reply has no connections");
  if (!begun_) out_.raw("{").line(1).raw("\"connections\": [");
  begun_ = true;
  try {
    each_element(*connections, [this](std::string_view each) {
      if (!matches(filter_, each)) return;
      out_.raw(any_ ? "," : "").line(2).value(each, 2);
      any_ = true;
    });
    return read("[]", json_member(reply, "next").value_or("")).next;
  } catch (const json::exception& wrong) {
    return fail(std::string("the daemon's connections cannot be read: ") + wrong.what());
  }
}

void ConnectionsPrinter::end(const std::string& error) {
  if (any_) out_.line(1);
  out_.raw("],");
  if (!error.empty()) out_.line(1).raw("\"error\": " + text_of(json(error)) + ",");
  out_.line(1).raw(error.empty() ? "\"ok\": true," : "\"ok\": false,");
  out_.line(1).raw("\"version\": " + std::to_string(kControlVersion)).line(0).raw("}\n");
}

}  // namespace lvsd::ctl
