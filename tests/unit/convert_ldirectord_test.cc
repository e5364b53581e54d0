// SPDX-License-Identifier: GPL-2.0-or-later
// ldirectord.cf: the corners of its language. Whole files: tests/convert.
#include "convert_foreign.h"

namespace lvsd::ctl {
namespace {

TEST(ConvertLdirectord, ProtocolAndServersMayStandInAnyOrder) {
  const Outcome some = ldirectord(
      "checktype=on\nvirtual=192.0.2.1:53\n real=10.0.0.1 masq 7\n protocol=udp\n "
      "real=10.0.0.2:domain masq\n"
      "virtual=5\n real=10.0.0.1->10.0.0.3 gate\n protocol=tcp\nquiescent=yes # global\n");
  EXPECT_EQ(some.remarks, Lines{":8: protocol: 'tcp' does not fit the virtual of line 6"});
  ASSERT_EQ(some.config.services.size(), 2U);
  EXPECT_EQ(to_string(some.config.services[0].key), "192.0.2.1:53/udp");
  ASSERT_EQ(some.config.services[0].destinations.size(), 2U);
  EXPECT_EQ(to_string(some.config.services[0].destinations[0].endpoint), "10.0.0.2:53");
  EXPECT_EQ(some.config.services[1].scheduler, SchedulerKind::wrr);
  EXPECT_EQ(some.config.services[1].destinations.size(), 3U);
}

TEST(ConvertLdirectord, ChecksAskTheRealServersOwnPort) {
  using Ports = std::vector<std::optional<Port>>;
  const auto ports = [](const std::string& text) {
    const Converted converted = rules_to_lvsd(read_ldirectord(text));
    EXPECT_EQ(remarks_of(converted), Lines()) << text;
    return asked_ports(converted);
  };
  const std::string servers =
      " real=10.0.0.1:8080 gate\n real=10.0.0.2:80 ipip\n real=10.0.0.3 gate\n";
  EXPECT_EQ(ports("virtual=7\n checktype=negotiate\n service=http\n" + servers),
            (Ports{kPort80, kPort80, kPort8080}));
  EXPECT_EQ(ports("virtual=192.0.2.1:80\n" + servers),
            (Ports{std::nullopt, std::nullopt, kPort8080}));
  EXPECT_EQ(ports("virtual=192.0.2.1:8080\n service=http\n checktype=connect\n" + servers),
            (Ports{kPort80, kPort80, std::nullopt}));
  EXPECT_EQ(ports("virtual=192.0.2.1:80\n checkport=8080\n real=10.0.0.1 gate\n"),
            Ports{kPort8080});
  EXPECT_EQ(ldirectord("virtual=192.0.2.1:80\n checktype=ping\n real=10.0.0.1:8080 gate\n").remarks,
            Lines{":3: real: only masq maps ports: it gets what comes to port 80"});
}

TEST(ConvertLdirectord, NamesSettingsOfChecksThatAreLost) {
  const std::string real = " real=10.0.0.1 gate\n";
  const std::map<std::string, Lines> cases{
      {"checkcount=3\nvirtual=192.0.2.1:80\n" + real,
       {":1: checkcount: lvsd's checks have nothing for it"}},
      {"virtual=192.0.2.1:80\n" + real + real + " checkcount=3\n checktype=ping\n",
       {":3: the server exists, since line 2",
        ":4: checkcount: lvsd's checks have nothing for it"}},
      {"virtual=192.0.2.1:53\n request=\"a.example\"\n receive=\"192.0.2.9\"\n" + real,
       {":3: receive: lvsd's check of type dns has nothing for it"}},
      {"virtual=192.0.2.1:3306\n request=\"select 1\"\n" + real,
       {":2: request: lvsd's check of type mysql has nothing for it"}},
      {"checkinterval=5\nchecktimeout=20\nvirtual=192.0.2.1:80\n" + real,
       {":2: checktimeout: 20s is longer than the checkinterval of 5s"}},
      {"virtual=192.0.2.1:80\n checktype=3\n" + real,
       {":2: checktype: lvsd asks each time, and never only connects"}},
      {"virtual=192.0.2.1:110\n" + real, {":1: checktype: lvsd has no check of a service pop"}},
      {"virtual=192.0.2.1:80\n real=10.0.0.1 gate 1 \"http://10.0.0.9/\", \"ok\"\n",
       {":2: real: a check that asks another server"}},
      {"virtual=192.0.2.1:80\n real=10.0.0.1 gate 1 \"a\", \"o.*k\" l:5 u:10 more\n",
       {":2: real: 'more' and what follows it have no place there",
        ":2: receive: lvsd looks for plain text, and this is a pattern"}},
      {"virtual=192.0.2.1:80\n checktype=off\n" + real,
       {":2: checktype: off keeps the servers out: they are written with weight 0"}},
      {"virtual=192.0.2.1:587\n" + real, {}},
  };
  for (const auto& [text, remarks] : cases) EXPECT_EQ(ldirectord(text).remarks, remarks) << text;
  const Outcome some = ldirectord(
      "virtual=192.0.2.1:80\n real=10.0.0.1 masq 2 \"a  b\", \"c\" l:5 u:10\n"
      "virtual=192.0.2.2:80\n checktype=off\n real=10.0.0.1 gate 3\n");
  ASSERT_EQ(some.config.services.size(), 2U);
  EXPECT_EQ(some.config.services[0].destinations[0].thresholds, (Thresholds{10, 5}));
  EXPECT_EQ(some.config.services[1].destinations[0].weight, Weight(0));
}

TEST(ConvertLdirectord, PortsOfDnsAreOfUdp) {
  const Outcome some = ldirectord(
      "checktype=on\nvirtual=192.0.2.1:53\n real=10.0.0.1 gate\nvirtual=192.0.2.2:domain\n"
      "virtual=192.0.2.1:53\n protocol=tcp\nvirtual6=[2001:db8::1]:53\nvirtual=192.0.2.1:5353\n");
  EXPECT_EQ(some.remarks, Lines());
  Lines keys;
  for (const VirtualService& each : some.config.services) keys.push_back(to_string(each.key));
  EXPECT_EQ(keys, (Lines{"192.0.2.1:53/udp", "192.0.2.2:53/udp", "192.0.2.1:53/tcp",
                         "[2001:db8::1]:53/udp", "192.0.2.1:5353/tcp"}));
}

TEST(ConvertLdirectord, TimeoutsStandInForEachOther) {
  using std::chrono::seconds;
  const auto timeout = [](const std::string& text) {
    const auto file = parse_file(rules_to_lvsd(read_ldirectord(text)).text);
    EXPECT_TRUE(file && file->health.size() == 1) << text;
    if (!file || file->health.size() != 1 || !file->health[0].health) return Duration::zero();
    return file->health[0].health->probe.timeout;
  };
  const std::string wide = "checkinterval=60\n",
                    web = "virtual=192.0.2.1:80\n real=10.0.0.1 gate\n";
  EXPECT_EQ(timeout(web), seconds(10));  // 30, but for the interval
  EXPECT_EQ(timeout(wide + web), seconds(30));
  EXPECT_EQ(timeout(wide + web + " checktype=connect\n"), seconds(5));
  EXPECT_EQ(timeout(wide + "checktimeout=7\n" + web), seconds(7));
  EXPECT_EQ(timeout(wide + "negotiatetimeout=8\n" + web + " checktimeout=7\n"), seconds(7));
  EXPECT_EQ(timeout(wide + "checktimeout=7\n" + web + " negotiatetimeout=8\n checktype=connect\n"),
            seconds(8));
}

TEST(ConvertLdirectord, TakesTheFallbackOfTheFamily) {
  const std::string global = "fallback=10.0.0.9:80 gate\nfallback6=[2001:db8::9]:80 ipip\n";
  const std::string four = "virtual=192.0.2.1:80\n real=10.0.0.1 gate\n";
  const std::string six = "virtual6=[2001:db8::1]:80\n real6=[2001:db8::2] gate\n";
  struct Case {
    std::string text, address;
    Lines remarks = {};
  };
  const std::vector<Case> cases{
      {global + four, "10.0.0.9"},
      {global + six, "2001:db8::9"},
      {global + four + " fallback=10.0.0.8\n", "10.0.0.8"},
      {global + six + " fallback6=[2001:db8::8]:80\n", "2001:db8::8"},
      {global + six + " fallback6=2001:db8::8 masq\n", "2001:db8::8"},
      {six + " fallback6=[2001:db8::8]:81 masq\n", "[2001:db8::8]:81"},
      {four + " fallback=10.0.0.8:81 masq\n", "10.0.0.8:81"},
      {"fallback=10.0.0.9\n" + six, ""},
      {"fallback6=[2001:db8::9]:80\n" + four, ""},
      {four + " fallback6=[2001:db8::8]:80\n", "", {":3: fallback6: its virtual is of IPv4"}},
      {six + " fallback6=[2001:db8::8]:81 gate\n",
       "2001:db8::8",
       {":3: fallback6: only masq maps ports: it gets what comes to port 80"}},
      {four + " fallback=www.example.net\n",
       "",
       {":3: fallback: 'www.example.net' is not an address; names are not looked up"}},
      {four + " fallback=10.0.0.8 nat\n",
       "",
       {":3: fallback: 'nat' is none of gate, masq and ipip"}},
  };
  for (const Case& each : cases) {
    const Converted converted = rules_to_lvsd(read_ldirectord(each.text));
    EXPECT_EQ(remarks_of(converted), each.remarks) << each.text;
    const auto file = parse_file(converted.text);
    ASSERT_TRUE(file && file->health.size() == 1) << converted.text;
    const auto& sorry = file->health[0].sorry_server;
    const std::string where = !sorry                            ? ""
                              : sorry->endpoint.port == kPort80 ? to_string(sorry->endpoint.address)
                                                                : to_string(sorry->endpoint);
    EXPECT_EQ(where, each.address) << converted.text;
  }
}

TEST(ConvertLdirectord, NamesWhatIsWrong) {
  const std::map<std::string, std::string> wrong{
      {" real=10.0.0.1 gate", "real: ldirectord has nothing of this name here"},
      {"virtual=www:80\n", "virtual: 'www' is not an address; names are not looked up"},
      {"virtual=\n", "virtual: it has no value"},
      {"virtual=192.0.2.1:80\n real=10.0.0.1", "real: '' is none of gate, masq and ipip"},
      {"virtual=192.0.2.1:80\n real=10.0.0.9->10.0.0.1 gate",
       "real: the range to 10.0.0.1 is empty or too large"},
      {"virtual=192.0.2.1:80\n real=10.0.0.1 gate 70000",
       "real: weight: '70000' is not a number of 0..65535"},
  };
  for (const auto& [text, what] : wrong) {
    const Lines remarks = ldirectord(text).remarks;
    ASSERT_EQ(remarks.size(), 1U) << text;
    EXPECT_NE(remarks[0].find(what), std::string::npos) << remarks[0];
  }
}

TEST(ConvertLdirectord, EveryPrefixGivesAFileThatLoads) {
  constexpr std::string_view kFile = "virtual=192.0.2.1:80\n real=10.0.0.1->10.0.0.2:80 gate 3\n";
  for (std::size_t length = 0; length <= kFile.size(); ++length) {
    ldirectord(kFile.substr(0, length));
  }
}

}  // namespace
}  // namespace lvsd::ctl
