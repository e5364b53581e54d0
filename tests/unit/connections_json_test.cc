// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of connections printed as one reply, against what the library makes of the whole as a tree.
#include "lvsd/ctl/connections_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "lvsd/control/connection_list.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

ListedConnections page(std::uint16_t first, std::uint16_t count, std::optional<Cursor> next) {
  ListedConnections listed{{}, next};
  for (std::uint16_t i = 0; i < count; ++i) {
    ConnectionSnapshot one;
    one.protocol = 6;
    one.state = i % 2 == 0 ? "ESTABLISHED" : "FIN_WAIT";
    one.client = {IpAddress(198, 51, 100, 7), Port(static_cast<std::uint16_t>(first + i))};
    one.virtual_end = {IpAddress(192, 0, 2, 10), Port(80)};
    one.destination = {IpAddress(10, 0, 0, 11), Port(80)};
    one.expires = std::chrono::seconds(898);
    if (i % 3 == 0) {
      one.engine = "sip";
      one.engine_data = "\"a1\xff@b\n";
    }
    listed.connections.push_back(one);
  }
  return listed;
}

std::string print(const std::vector<ListedConnections>& pages, const ConnectionFilter& filter,
                  const std::string& error = {}) {
  std::ostringstream out;
  {
    ConnectionsPrinter printer(out, filter);
    for (const ListedConnections& each : pages) {
      const auto next = printer.add(connections_reply(each));
      EXPECT_TRUE(next);
      EXPECT_EQ(next && next->has_value(), each.next.has_value());
      if (next && *next) {
        EXPECT_EQ((*next)->place, each.next->place);
      }
    }
    printer.end(error);
  }
  return out.str();
}

std::string as_tree(const std::vector<ListedConnections>& pages, const ConnectionFilter& filter) {
  json whole = {{"version", 1}, {"ok", true}, {"connections", json::array()}};
  for (const ListedConnections& each : pages) {
    for (const ConnectionSnapshot& one : each.connections) {
      if (filter.matches(one)) whole["connections"].push_back(to_json(one));
    }
  }
  return whole.dump(2) + "\n";
}

TEST(ConnectionsJson, IsOneReplyOfManyPages) {
  ConnectionFilter finished;
  finished.state = "FIN_WAIT";
  ConnectionFilter nobody;
  nobody.state = "NONE";
  const std::vector<std::vector<ListedConnections>> replies{
      {page(1, 5, Cursor{0, 2048}), page(6, 0, Cursor{1, 0}), page(6, 4, {})},
      {page(1, 0, Cursor{0, 2048}), page(1, 1, {})},
      {page(1, 0, {})}};
  for (const auto& pages : replies) {
    for (const ConnectionFilter& filter : {ConnectionFilter(), finished, nobody}) {
      EXPECT_EQ(print(pages, filter), as_tree(pages, filter));
    }
  }
}

TEST(ConnectionsJson, SaysWhereTheRestIsMissing) {
  const json cut = json::parse(print({page(1, 3, Cursor{0, 2048})}, {}, "no \"answer\""));
  EXPECT_EQ(cut["ok"], false);
  EXPECT_EQ(cut["error"], "no \"answer\"");
  EXPECT_EQ(cut["connections"].size(), 3U);
}

TEST(ConnectionsJson, RefusesWhatIsNoPage) {
  const ConnectionFilter all;
  ConnectionFilter some;
  some.state = "NONE";
  std::ostringstream out;
  ConnectionsPrinter printer(out, all), picky(out, some);
  EXPECT_FALSE(printer.add(R"({"ok":true})"));
  EXPECT_FALSE(printer.begun());
  EXPECT_FALSE(printer.add(R"({"connections":[],"next":{"worker":"x","cursor":1}})"));
  EXPECT_FALSE(printer.add(R"({"connections":[],"next":x})"));
  EXPECT_FALSE(picky.add(R"({"connections":[{"protocol":6}]})"));
  EXPECT_FALSE(picky.add(R"({"connections":[nonsense]})"));
}

}  // namespace
}  // namespace lvsd::ctl
