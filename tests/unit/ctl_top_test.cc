// SPDX-License-Identifier: GPL-2.0-or-later
// Screens of top, filters of connections, and what drift says.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lvsd/ctl/connection_filter.h"
#include "lvsd/ctl/drift_format.h"
#include "lvsd/ctl/top_format.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

Endpoint at(const char* address, std::uint16_t port) {
  return {*IpAddress::parse(address), Port(port)};
}

json status(std::uint64_t forwarded, std::uint64_t dropped) {
  return {{"program", "1.0"},
          {"uptime_seconds", 61},
          {"connections", 5},
          {"connection_limit", 100},
          {"workers", json::array({{{"received", forwarded + dropped},
                                    {"queue_waiting", 0},
                                    {"queue_dropped", 0},
                                    {"user_dropped", 0},
                                    {"overruns", 0},
                                    {"truncated", 0}}})},
          {"packets",
           {{"forwarded", forwarded},
            {"dropped", json::array({{{"reason", "drained"}, {"packets", dropped}}})},
            {"accepted", json::array()}}}};
}

Listing listing(std::size_t services) {
  Listing out;
  for (std::size_t i = 0; i < services; ++i) {
    ListedService each;
    each.service.name = "web" + std::to_string(i);
    each.service.key = {ServiceProtocol::tcp, at("2001:db8:1234:5678:9abc:def0:1234:5678", 65535)};
    each.service.rates.packets_in = i;
    DestinationSnapshot destination;
    destination.config.endpoint = at("2001:db8:1234:5678:9abc:def0:1234:5678", 65535);
    destination.rates = {1234567, 12345678901, 2, 9999999999999, 10};
    each.service.destinations = {destination};
    out.services.push_back(each);
  }
  return out;
}

TEST(Top, FitsAnyScreen) {
  for (const Screen screen : {Screen{24, 80}, Screen{1, 1}, Screen{0, 0}, Screen{4, 80},
                              Screen{5, 20}, Screen{200, 300}}) {
    const auto lines = top_lines(listing(30), status(10, 1), json(nullptr), 0, screen);
    EXPECT_LE(lines.size(), screen.rows);
    for (const std::string& line : lines) EXPECT_LE(line.size(), screen.columns) << line;
  }
}

TEST(Top, RatesAreDifferencesAndTheBusiestComesFirst) {
  const auto lines = top_lines(listing(3), status(3000, 50), status(1000, 30), 2, {24, 80});
  EXPECT_EQ(lines.at(0), "lvsd 1.0, up 1m 1s, 5 of 100 connections, q quits");
  EXPECT_EQ(lines.at(1), "packets/s: 1000 forwarded, 1010 received; waiting 0, lost/s 0");
  EXPECT_EQ(lines.at(3).substr(0, 5), "web2 ");
  EXPECT_EQ(lines.back(), "dropped   drained                          50       10/s");
}

TEST(Top, CountsTheQueueOfNewConnections) {
  json now = status(1, 1), before = now;
  now["workers"][0]["openers_dropped"] = 10;
  now["workers"][0]["openers_undelivered"] = 6;
  now["workers"][0]["openers_waiting"] = 3;
  const auto lines = top_lines(listing(1), now, before, 2, {24, 80});
  EXPECT_EQ(lines.at(1), "packets/s: 0 forwarded, 0 received; waiting 3, lost/s 8");
}

TEST(Top, ReasonsAreSeenHoweverManyServices) {
  const auto lines = top_lines(listing(100), status(1, 1), json(nullptr), 0, {24, 80});
  EXPECT_EQ(lines.size(), 24U);
  EXPECT_EQ(lines.back().substr(0, 17), "dropped   drained");
}

ConnectionSnapshot connection() {
  ConnectionSnapshot out;
  out.protocol = 6;
  out.state = "ESTABLISHED";
  out.client = at("10.1.0.7", 4000);
  out.virtual_end = at("192.0.2.10", 80);
  out.destination = at("10.0.0.11", 8080);
  return out;
}

TEST(ConnectionFilter, EachPartMustMatch) {
  EXPECT_TRUE(ConnectionFilter{}.matches(connection()));
  ConnectionFilter filter;
  filter.client = parse_prefix("10.1.0.0/16");
  filter.destination = parse_named_endpoint("10.0.0.11");
  filter.state = "ESTABLISHED";
  filter.service = ServiceKey{ServiceProtocol::tcp, at("192.0.2.10", 80)};
  EXPECT_TRUE(filter.matches(connection()));
  const auto without = [&](auto change) {
    ConnectionFilter other = filter;
    change(other);
    return other.matches(connection());
  };
  EXPECT_FALSE(without([](auto& f) { f.client = parse_prefix("10.2.0.0/16"); }));
  EXPECT_FALSE(without([](auto& f) { f.client = parse_prefix("::/0"); }));
  EXPECT_FALSE(without([](auto& f) { f.destination = parse_named_endpoint("10.0.0.11:80"); }));
  EXPECT_FALSE(without([](auto& f) { f.state = "SYN_RECV"; }));
  EXPECT_FALSE(without([](auto& f) { f.service->protocol = ServiceProtocol::udp; }));
  EXPECT_FALSE(without([](auto& f) { f.service->listen.port = Port(std::uint16_t{81}); }));
  EXPECT_TRUE(without([](auto& f) { f.service->listen.port = Port(); }));
}

TEST(ConnectionFilter, PrefixesThatAreNone) {
  for (const char* wrong : {"", "10.1.0.0/33", "10.1.0.0/", "10.1.0.0/x", "::/129", "web"}) {
    EXPECT_FALSE(parse_prefix(wrong)) << wrong;
  }
}

TEST(Drift, SaysWhatDiffersAndWhenItEnds) {
  const json drain = {{"since", 1000},        {"connections_at_start", 40}, {"clients", "keep"},
                      {"ended", false},       {"on_deadline", "reset"},     {"deadline", 4600},
                      {"estimated_end", 1130}};
  json row = {{"service", "web"}, {"key", "192.0.2.10:80/tcp"}, {"destination", "10.0.0.11:80"},
              {"file_weight", 3}, {"open_connections", 4},      {"weight", 9},
              {"drain", drain}};
  const auto text = [&] { return format_drift({{"now", 1060}, {"drift", json::array({row})}}); };
  EXPECT_EQ(text(),
            "web (192.0.2.10:80/tcp)\n  -> 10.0.0.11:80\n     weight 9, the file says 3\n"
            "     drained 1m 0s ago, 4 open connections of 40 left, at this rate for 1m 10s; "
            "reset in 59m 0s\n");
  row["drain"]["ended"] = true;
  row["open_connections"] = 0;
  EXPECT_NE(text().find("0 open connections of 40 left: done; deadline passed: reset"),
            std::string::npos);
  EXPECT_EQ(format_drift({{"now", 1}, {"drift", json::array()}}),
            "nothing differs from the file\n");
}

}  // namespace
}  // namespace lvsd::ctl
