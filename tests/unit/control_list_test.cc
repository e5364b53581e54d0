// SPDX-License-Identifier: GPL-2.0-or-later
// Listings against what ipvsadm printed for the kernel's IPVS, byte for byte.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lvsd/control/listing.h"

namespace lvsd {
namespace {

struct Row {
  const char* address;
  std::uint16_t port;
  const char* method;
  std::uint16_t weight = 1;
  std::uint32_t active = 0, inactive = 0;
  Statistics statistics = {};
};

ListedService listed(ServiceProtocol protocol, const char* address, std::uint16_t port,
                     SchedulerKind scheduler, const std::vector<Row>& rows,
                     Statistics statistics = {}) {
  ListedService result;
  ServiceSnapshot& service = result.service;
  service.name = std::string(address) + "-service";
  service.key = {protocol, {*IpAddress::parse(address), Port(port)}};
  service.scheduler = scheduler;
  service.statistics = statistics;
  for (const Row& row : rows) {
    DestinationSnapshot destination;
    destination.config = {{*IpAddress::parse(row.address), Port(row.port)},
                          *parse_method(row.method),
                          Weight(row.weight)};
    destination.active = row.active;
    destination.inactive = row.inactive;
    destination.statistics = row.statistics;
    service.destinations.push_back(destination);
  }
  return result;
}

using enum ServiceProtocol;
using enum SchedulerKind;

// In another order than the table's.
Listing bad_packets() {
  const Statistics none{}, one{1, 1, 0, 40, 0}, two{2, 2, 0, 80, 0}, query{1, 1, 0, 31, 0};
  return {4096,
          {listed(udp, "10.0.3.100", 53, rr,
                  {{"10.0.2.13", 53, "nat", 1, 0, 1, query},
                   {"10.0.2.11", 53, "nat", 1, 0, 0, none},
                   {"10.0.2.12", 53, "nat", 1, 0, 0, none}},
                  query),
           listed(tcp, "10.0.3.100", 80, rr,
                  {{"10.0.2.11", 8080, "nat", 1, 0, 0, none},
                   {"10.0.2.12", 8080, "nat", 1, 1, 0, one},
                   {"10.0.2.13", 8080, "nat", 1, 1, 0, one}},
                  two)}};
}

TEST(ControlList, ConnectionsAsIpvsadmPrintsThem) {
  EXPECT_EQ(format_list(bad_packets(), {}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  10.0.3.100:80 rr\n"
            "  -> 10.0.2.11:8080               Masq    1      0          0         \n"
            "  -> 10.0.2.12:8080               Masq    1      1          0         \n"
            "  -> 10.0.2.13:8080               Masq    1      1          0         \n"
            "UDP  10.0.3.100:53 rr\n"
            "  -> 10.0.2.11:53                 Masq    1      0          0         \n"
            "  -> 10.0.2.12:53                 Masq    1      0          0         \n"
            "  -> 10.0.2.13:53                 Masq    1      0          1         \n");
}

TEST(ControlList, WhatIsNotUpIsMarkedBehindTheLastColumn) {
  Listing listing = bad_packets();
  auto& health = listing.services[1].health;
  health[{IpAddress(10, 0, 2, 11), Port(8080)}] = "down";
  health[{IpAddress(10, 0, 2, 12), Port(8080)}] = "checking";
  health[{IpAddress(10, 0, 2, 13), Port(8080)}] = "up";
  const std::string text = format_list(listing, {});
  EXPECT_NE(text.find("10.0.2.11:8080               Masq    1      0          0          down\n"
                      "  -> 10.0.2.12:8080               Masq    1      1          0          "
                      "checking\n"
                      "  -> 10.0.2.13:8080               Masq    1      1          0         \n"),
            std::string::npos)
      << text;
  const auto back = parse_listing(to_json(listing));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->services[1].health, health);
  EXPECT_EQ(format_list(listing, {.form = ListForm::rates}),
            format_list(bad_packets(), {.form = ListForm::rates}));
}

// lvsctl prints it as it comes: keys in the order that a tree would have, strings in its form.
TEST(ControlList, AsTextIsWhatATreeWouldPrint) {
  Listing listing = bad_packets();
  ListedService& odd = listing.services[0];
  odd.service.name = "a \"name\" \\ \x01 \xc3\xbc \xff";
  odd.service.persistence = Persistence{std::chrono::milliseconds(1500), 24};
  odd.service.persistence->engine = PersistenceEngine::sip;
  odd.service.one_packet = odd.retired = true;
  odd.service.key.mark = 7;
  odd.service.destinations[0].config.method = Tunnel{Encapsulation::gue, Port(6080)};
  odd.service.destinations[0].config.thresholds = {.upper = 3, .lower = 2};
  odd.service.destinations[1].overloaded = odd.service.destinations[1].retired = true;
  for (const DestinationSnapshot& each : odd.service.destinations) {
    odd.health[each.config.endpoint] = "down";
  }
  listing.services[1].service.destinations.clear();
  for (const ListedService& service : listing.services) {
    std::string text;
    append_json(text, service);
    EXPECT_EQ(text, nlohmann::json::parse(text).dump());
  }
  std::string text;
  append_json(text, odd);
  const auto tree = nlohmann::json::parse(text);
  EXPECT_EQ(tree["name"], "a \"name\" \\ \x01 \xc3\xbc \xef\xbf\xbd");
  EXPECT_EQ(tree["persistence"],
            nlohmann::json({{"timeout", 1.5}, {"netmask", 24}, {"engine", "sip"}}));
  EXPECT_EQ(tree["destinations"][0]["tunnel"],
            nlohmann::json({{"type", "gue"}, {"port", 6080}, {"checksum", 0}}));
  EXPECT_EQ(tree["destinations"][0]["health"], "down");
  EXPECT_FALSE(tree["destinations"][1].contains("health"));
}

TEST(ControlList, SchedulerFlagsAsIpvsadmPrintsThem) {
  Listing listing{4096,
                  {listed(tcp, "10.0.3.100", 80, mh, {}), listed(tcp, "10.0.3.100", 81, sh, {})}};
  listing.services[0].service.scheduler_flags = {.fallback = true, .port = true};
  listing.services[1].service.scheduler_flags = {.fallback = false, .port = true};
  EXPECT_EQ(format_list(listing, {}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  10.0.3.100:80 mh (mh-fallback,mh-port)\n"
            "TCP  10.0.3.100:81 sh (sh-port)\n");
}

TEST(ControlList, ThresholdsAsIpvsadmPrintsThem) {
  Listing listing{4096,
                  {listed(tcp, "10.0.3.100", 80, rr,
                          {{"10.0.2.12", 80, "dr", 1, 1, 2}, {"10.0.2.11", 80, "dr", 1, 3, 0}})}};
  for (DestinationSnapshot& destination : listing.services[0].service.destinations) {
    destination.config.thresholds = {.upper = 3, .lower = 2};
  }
  EXPECT_EQ(format_list(listing, {.form = ListForm::thresholds}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
            "  -> RemoteAddress:Port\n"
            "TCP  10.0.3.100:80 rr\n"
            "  -> 10.0.2.11:80                 3          2          3          0         \n"
            "  -> 10.0.2.12:80                 3          2          1          2         \n");
}

TEST(ControlList, StatisticsAsIpvsadmPrintsThem) {
  EXPECT_EQ(format_list(bad_packets(), {.form = ListForm::statistics}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
            "  -> RemoteAddress:Port\n"
            "TCP  10.0.3.100:80                       2        2        0       80        0\n"
            "  -> 10.0.2.11:8080                      0        0        0        0        0\n"
            "  -> 10.0.2.12:8080                      1        1        0       40        0\n"
            "  -> 10.0.2.13:8080                      1        1        0       40        0\n"
            "UDP  10.0.3.100:53                       1        1        0       31        0\n"
            "  -> 10.0.2.11:53                        0        0        0        0        0\n"
            "  -> 10.0.2.12:53                        0        0        0        0        0\n"
            "  -> 10.0.2.13:53                        1        1        0       31        0\n");
}

TEST(ControlList, MethodsSchedulersAndIpv6AsIpvsadmPrintsThem) {
  const Listing listing{
      4096,
      {listed(tcp, "fd00:3::100", 80, rr, {{"fd00:2::11", 8080, "nat", 1, 0, 1}}),
       listed(tcp, "10.0.3.100", 80, wlc,
              {{"10.0.2.12", 80, "dr", 5, 40, 0}, {"10.0.2.11", 80, "tun", 65535, 24, 1234567}})}};
  EXPECT_EQ(format_list(listing, {}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  10.0.3.100:80 wlc\n"
            "  -> 10.0.2.11:80                 Tunnel  65535  24         1234567   \n"
            "  -> 10.0.2.12:80                 Route   5      40         0         \n"
            "TCP  [fd00:3::100]:80 rr\n"
            "  -> [fd00:2::11]:8080            Masq    1      0          1         \n");
}

TEST(ControlList, MarksPersistenceAndTunnelsAsIpvsadmPrintsThem) {
  Listing listing{4096,
                  {listed(tcp, "0.0.0.0", 0, mh, {}),
                   listed(udp, "10.0.3.100", 5060, rr, {{"10.0.2.11", 5060, "tun", 2, 1, 2}}),
                   listed(tcp, "fd00:3::100", 80, wlc, {})}};
  listing.services[0].service.key.mark = 7;
  ServiceSnapshot& sip = listing.services[1].service;
  sip.persistence = Persistence{std::chrono::seconds(60), 24, PersistenceEngine::sip};
  sip.one_packet = true;
  sip.destinations[0].persistent = 3;
  sip.destinations[0].config.method =
      Tunnel{Encapsulation::gue, Port(std::uint16_t{6080}), TunnelChecksum::present};
  sip.rates = {1, 2, 3, 4, 5};
  listing.services[2].service.persistence = Persistence{std::chrono::seconds(300), 64};
  EXPECT_EQ(format_list(listing, {}),
            "IP Virtual Server version 1.2.1 (size=4096)\n"
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "UDP  10.0.3.100:5060 rr persistent 60 mask 255.255.255.0 pe sip ops\n"
            "  -> 10.0.2.11:5060               Tunnel  2      1          2         \n"
            "TCP  [fd00:3::100]:80 wlc persistent 300 mask 64\n"
            "FWM  7 mh\n");
  const auto line = [&](ListForm form, const std::string& what) {
    return format_list(listing, {.form = form}).find(what) != std::string::npos;
  };
  EXPECT_TRUE(
      line(ListForm::persistent,
           "  -> 10.0.2.11:5060               2         3           1          2         \n"));
  EXPECT_TRUE(line(ListForm::tunnels,
                   "  -> 10.0.2.11:5060               Tunnel  gue:6080:+c   2      1          2"));
  EXPECT_TRUE(
      line(ListForm::rates,
           "UDP  10.0.3.100:5060                     1        2        3        4        5\n"));
  const auto back = parse_listing(to_json(listing));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(to_json(*back), to_json(listing));
}

TEST(ControlList, TimeoutsAsIpvsadmPrintsThem) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  EXPECT_EQ(format_timeouts({}), "Timeout (tcp tcpfin udp): 900 120 300\n");
  Config config;
  config.timeouts = {seconds(4), milliseconds(2500), seconds(86400)};
  const auto back = parse_listing(to_json(make_listing({}, config)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->timeouts, config.timeouts);
  EXPECT_EQ(format_timeouts(back->timeouts), "Timeout (tcp tcpfin udp): 4 2 86400\n");
}

TEST(ControlList, LargeNumbersAreCutAsIpvsadmCutsThem) {
  const Statistics large{99'999'999, 100'000'000, 1'000'000'000, 999'999'999'999,
                         123'456'789'012'345};
  const Listing listing{16, {listed(tcp, "192.0.2.10", 80, rr, {}, large)}};
  const std::string cut = format_list(listing, {.form = ListForm::statistics});
  EXPECT_NE(
      cut.find("TCP  192.0.2.10:80                99999999  100000K    1000M     999G     123T\n"),
      std::string::npos)
      << cut;
  const std::string exact = format_list(listing, {.form = ListForm::statistics, .exact = true});
  EXPECT_NE(exact.find(" 99999999 100000000 1000000000 999999999999 123456789012345\n"),
            std::string::npos)
      << exact;
}

TEST(ControlList, WhatIsRetiredIsNotInTheTable) {
  Listing listing = bad_packets();
  listing.services[1].service.destinations[1].retired = true;
  listing.services[0].retired = true;
  for (auto& destination : listing.services[0].service.destinations) destination.retired = true;
  const std::string table = format_list(listing, {});
  EXPECT_EQ(table.find("UDP"), std::string::npos);
  EXPECT_EQ(table.find("10.0.2.12"), std::string::npos);
  EXPECT_NE(table.find("10.0.2.13:8080"), std::string::npos);
  EXPECT_EQ(describe_retired(listing), "4 removed destinations still have 2 connections");
  EXPECT_EQ(describe_retired(bad_packets()), "");
}

TEST(ControlList, JsonComesBackAsItWent) {
  Listing listing = bad_packets();
  listing.services[0].retired = true;
  listing.services[1].service.destinations[0].overloaded = true;
  const nlohmann::json json = to_json(listing);
  const auto back = parse_listing(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(format_list(*back, {.form = ListForm::statistics}),
            format_list(listing, {.form = ListForm::statistics}));
}

// Every member taken away or replaced by something else: a sentence, never a crash.
void spoil_each(const nlohmann::json& whole, const nlohmann::json::json_pointer& at, int& spoilt) {
  for (const auto& [key, value] : whole.at(at).items()) {
    const auto place = at / key;
    if (key == "name" || (at.empty() && key == "services")) {
      // any text is a name; an absent list of services is tried below
    } else if (!value.is_structured()) {
      nlohmann::json copy = whole;
      copy[place] = nullptr;
      EXPECT_FALSE(parse_listing(copy)) << place;
      ++spoilt;
    }
    if (value.is_structured()) spoil_each(whole, place, spoilt);
  }
}

TEST(ControlList, AListingOfAnotherFormIsRefused) {
  const nlohmann::json whole = to_json(bad_packets());
  int spoilt = 0;
  nlohmann::json text_size = whole;
  text_size["size"] = "many";
  EXPECT_FALSE(parse_listing(text_size));
  EXPECT_FALSE(parse_listing(nlohmann::json::object()));
  EXPECT_FALSE(parse_listing(nlohmann::json::array({1})));
  nlohmann::json wide = whole;
  wide["services"][0]["port"] = 65536;
  EXPECT_FALSE(parse_listing(wide));
  for (const double seconds : {-1.0, 1e300}) {
    nlohmann::json long_ago = whole;
    long_ago["timeouts"]["udp"] = seconds;
    EXPECT_FALSE(parse_listing(long_ago)) << seconds;
  }
  spoil_each(whole, nlohmann::json::json_pointer(), spoilt);
  EXPECT_GT(spoilt, 50);
}

TEST(ControlList, WorkersAreAddedUp) {
  auto snapshot = [](std::uint32_t active, bool with_retired) {
    DirectorSnapshot worker;
    worker.connection_limit = 1000;
    worker.services.push_back(listed(tcp, "10.0.3.100", 80, rr,
                                     {{"10.0.2.11", 80, "dr", 1, active, 1, {active, 2, 3, 4, 5}}},
                                     {active, 2, 3, 4, 5})
                                  .service);
    if (with_retired) {
      DestinationSnapshot gone = worker.services[0].destinations[0];
      gone.retired = true;
      worker.services[0].destinations.push_back(gone);
    }
    return worker;
  };
  Config config;
  config.services.emplace_back().key = snapshot(0, false).services[0].key;
  const Listing listing = make_listing({snapshot(3, false), snapshot(4, true)}, config);
  EXPECT_EQ(listing.size, 2000U);
  ASSERT_EQ(listing.services.size(), 1U);
  EXPECT_FALSE(listing.services[0].retired);
  const ServiceSnapshot& service = listing.services[0].service;
  EXPECT_EQ(service.statistics.connections, 7U);
  ASSERT_EQ(service.destinations.size(), 2U);
  EXPECT_EQ(service.destinations[0].active, 7U);
  EXPECT_EQ(service.destinations[0].inactive, 2U);
  EXPECT_EQ(service.destinations[0].statistics.bytes_out, 10U);
  EXPECT_TRUE(service.destinations[1].retired);
  EXPECT_EQ(service.destinations[1].active, 4U);
  EXPECT_TRUE(make_listing({snapshot(1, false)}, Config{}).services[0].retired);
}

TEST(ControlList, FormsHaveNames) {
  for (const char* name : {"connections", "stats", "stats-exact", "rate", "rate-exact",
                           "thresholds", "persistent-conn", "tun-info"}) {
    const auto options = parse_list_options(name);
    ASSERT_TRUE(options) << name;
    EXPECT_EQ(to_string(*options), name);
  }
  EXPECT_EQ(parse_list_options("stats-exact")->form, ListForm::statistics);
  EXPECT_TRUE(parse_list_options("stats-exact")->exact);
  for (const char* name : {"", "-exact", "stat", "stats-", "stats-exact-exact"}) {
    EXPECT_FALSE(parse_list_options(name)) << name;
  }
}

}  // namespace
}  // namespace lvsd
