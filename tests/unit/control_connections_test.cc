// SPDX-License-Identifier: GPL-2.0-or-later
// Single connections: the way over the control socket and back, and ipvsadm's columns.
#include "lvsd/control/connection_list.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace lvsd {
namespace {

Endpoint at(std::string_view address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}

ConnectionSnapshot established() {
  ConnectionSnapshot connection;
  connection.protocol = 6;
  connection.state = "ESTABLISHED";
  connection.client = at("198.51.100.7", 51324);
  connection.virtual_end = at("192.0.2.10", 80);
  connection.destination = at("10.0.0.11", 80);
  connection.expires = std::chrono::seconds(898);
  return connection;
}

ConnectionSnapshot sip_template() {
  ConnectionSnapshot connection = established();
  connection.protocol = 17;
  connection.state = "ASSURED";
  connection.is_template = true;
  connection.engine = "sip";
  connection.engine_data = "a1@b\x1b[31m";
  return connection;
}

// The lines are those of reference 8.3.
TEST(ConnectionLines, AreIpvsadms) {
  EXPECT_EQ(connections_title(false),
            "IPVS connection entries\n"
            "pro expire state       source             virtual            destination\n");
  EXPECT_EQ(format_connection(established(), false),
            "TCP 14:58  ESTABLISHED 198.51.100.7:51324 192.0.2.10:80      10.0.0.11:80\n");
  ConnectionSnapshot by_mark = established();
  by_mark.protocol = 0;
  by_mark.state = "NONE";
  by_mark.client = at("fd00::1", 0);
  by_mark.virtual_end = at("0.0.0.3", 0);
  by_mark.expires = std::chrono::seconds(41);
  EXPECT_EQ(format_connection(by_mark, false),
            "IP  00:41  NONE        [fd00::1]:0        0.0.0.3:0          10.0.0.11:80\n");
}

TEST(ConnectionLines, ShowAnEnginesDataWithoutHarmToTheTerminal) {
  EXPECT_EQ(format_connection(sip_template(), true),
            "UDP 14:58  ASSURED     198.51.100.7:51324 192.0.2.10:80      10.0.0.11:80     sip    "
            "            a1@b?[31m\n");
  EXPECT_EQ(format_connection(established(), true), format_connection(established(), false));
}

TEST(ConnectionPages, ComeBackAsTheyWent) {
  const ListedConnections sent{{established(), sip_template()}, Cursor{1, 4096}};
  const auto got = parse_connections(nlohmann::json::parse(connections_reply(sent)));
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->connections.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(format_connection(got->connections[i], true),
              format_connection(sent.connections[i], true));
    EXPECT_EQ(got->connections[i].is_template, i == 1);
  }
  ASSERT_TRUE(got->next);
  EXPECT_EQ(got->next->worker, 1U);
  EXPECT_EQ(got->next->place, 4096U);
  const auto last = parse_connections(nlohmann::json::parse(connections_reply({})));
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->next);
}

TEST(ConnectionPages, HaveTheirKeysInOrder) {
  const std::vector<ListedConnections> pages{
      {{established(), sip_template()}, Cursor{1, 4096}}, {{established()}, {}}, {}};
  for (const ListedConnections& page : pages) {
    const std::string text = connections_reply(page);
    const auto tree = nlohmann::json::parse(text);
    EXPECT_EQ(text, tree.dump());
    EXPECT_EQ(tree["ok"], true);
    EXPECT_EQ(tree["version"], kControlVersion);
  }
}

TEST(ConnectionPages, OfANewerDaemonAreRefusedInWords) {
  auto reply = nlohmann::json::parse(connections_reply({{established()}, {}}));
  reply["connections"][0]["expires"] = "soon";
  const auto got = parse_connections(reply);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message.rfind("the daemon's connections cannot be read: ", 0), 0U);
}

}  // namespace
}  // namespace lvsd
