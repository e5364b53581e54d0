// SPDX-License-Identifier: GPL-2.0-or-later
// keepalived.conf: the corners of its language. Whole files: tests/convert.
#include "convert_foreign.h"

#include <algorithm>

namespace lvsd::ctl {
namespace {

constexpr std::string_view kShop =
    "virtual_server 192.0.2.1 80 { ! a comment\n"
    "  lvs_sched rr # another\n"
    "  lvs_method \"DR\"\n"
    "  real_server 10.0.0.1 80\n\n  {\n  weight 2 } }\n";

TEST(ConvertKeepalived, ReadsBracesQuotesAndComments) {
  const Outcome shop = keepalived(kShop);
  EXPECT_EQ(shop.remarks, Lines());
  ASSERT_EQ(shop.config.services.size(), 1U);
  ASSERT_EQ(shop.config.services[0].destinations.size(), 1U);
  EXPECT_EQ(shop.config.services[0].destinations[0].weight, Weight(2));
  EXPECT_EQ(shop.config.services[0].scheduler, SchedulerKind::rr);
}

TEST(ConvertKeepalived, SaysWhichBraceIsWrong) {
  EXPECT_EQ(keepalived("}\nglobal_defs {\n").remarks,
            (Lines{":1: a closing brace without an opening one", ":2: its brace is not closed"}));
  EXPECT_EQ(keepalived("a\\#\\!\\ b # c\n").remarks, Lines{":1: a#!\\ b: it is not of LVS"});
  EXPECT_EQ(keepalived("a \"b\n").remarks,
            (Lines{":1: a b: it is not of LVS", ":1: a quote is not closed"}));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "a {\n";
  for (int i = 0; i < 100; ++i) deep += "}\n";
  EXPECT_EQ(keepalived(deep).remarks, (Lines{":1: a: it is not of LVS (to line 200)",
                                             ":33: too many braces within each other"}));
}

TEST(ConvertKeepalived, TakesInFilesAndNamesTheirLines) {
  const Files files{
      {"a.conf", "\nvirtual_server 192.0.2.1 80 {\n include b.conf\n lvs_method DR\n}"},
      {"b.conf", "real_server 10.0.0.1 80 { nonsense }\n"},
      {"loop.conf", "include loop.conf\n"}};
  const Outcome some = keepalived("include a.conf\ninclude c.conf\n", files);
  EXPECT_EQ(some.remarks, (Lines{":2: there is no file c.conf that can be read",
                                 "b.conf:1: nonsense: keepalived has nothing of this name here"}));
  ASSERT_EQ(some.config.services.size(), 1U);
  EXPECT_EQ(some.config.services[0].destinations.size(), 1U);
  EXPECT_EQ(keepalived("include loop.conf\n", files).remarks,
            Lines{"loop.conf:1: files include each other too deeply"});
}

TEST(ConvertKeepalived, PutsParametersIn) {
  const Outcome some = keepalived(
      "$VIP=192.0.2.1\n$WEB=${VIP} 80\n@backup virtual_server 192.0.2.9 80 { }\n"
      "virtual_server $WEB { lvs_method NAT\n real_server 10.0.0.1 8080 { weight $NONE } }\n");
  EXPECT_EQ(some.remarks,
            (Lines{":3: it counts on some machines only (@backup virtual_server 192.0.2.9 80 { })",
                   ":5: weight $NONE: weight: '$NONE' is not a number of 0..65535"}));
  ASSERT_EQ(some.config.services.size(), 1U);
  EXPECT_EQ(to_string(some.config.services[0].key), "192.0.2.1:80/udp");
}

// What keepalived.conf(5) says under "Parameter substitution".
TEST(ConvertKeepalived, LooksParametersUpWhereTheyArePutIn) {
  const Outcome some = keepalived(
      "$SUB=0\n$BASE=10.2.${SUB}\n$SUB=10\n"
      "$VS=virtual_server 192.0.2.${NUM} 80 {\n"
      "$NUM=1\n$VS\n lvs_method NAT\n real_server ${BASE}.100 80 { }\n}\n"
      "$NUM=2\n$VS\n lvs_method NAT\n}\n");
  EXPECT_EQ(some.remarks, Lines());
  ASSERT_EQ(some.config.services.size(), 2U);
  EXPECT_EQ(to_string(some.config.services[0].key), "192.0.2.1:80/udp");
  EXPECT_EQ(to_string(some.config.services[1].key), "192.0.2.2:80/udp");
  ASSERT_EQ(some.config.services[0].destinations.size(), 1U);
  EXPECT_EQ(to_string(some.config.services[0].destinations[0].endpoint), "10.2.10.100:80");
}

TEST(ConvertKeepalived, PutsInDefinitionsOfSeveralLinesWithinEachOther) {
  const ConfigFile file = keepalived_file(
      "$SERVER= \\\n"
      "  real_server 10.0.${VS}.${RS} 80 { \\\n"
      "    weight 3 \\  \n"
      "    uthreshold 100 \\ \n"
      "    \\\n"
      "    inhibit_on_failure # ! \\\n"
      "    TCP_CHECK { \\\n"
      "      connect_port 81 \\\n"
      "      connect_timeout 4 \\\n"
      "    } \\\n"
      "  }\n"
      "$SERVICE= \\\n"
      "virtual_server 192.0.2.${VS} 80 { \\\n"
      "  lvs_method NAT \\\n"
      "  delay_loop 6 \\\n"
      "  $RS=1 \\\n"
      "  ${SERVER} \\\n"
      "  $RS=2 \\\n"
      "  $SERVER \\\n"
      "}\n"
      "$VS=1\n$SERVICE\n$VS=2\n$SERVICE\n");
  ASSERT_EQ(file.config.services.size(), 2U);
  const VirtualService& second = file.config.services[1];
  EXPECT_EQ(to_string(second.key), "192.0.2.2:80/udp");
  ASSERT_EQ(second.destinations.size(), 2U);
  EXPECT_EQ(to_string(second.destinations[0].endpoint), "10.0.2.2:80");
  EXPECT_EQ(second.destinations[1].weight, Weight(3));
  EXPECT_EQ(second.destinations[1].thresholds.upper, 100U);
  const Health* const check = file.health[1].of(second.destinations[1].endpoint);
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->probe.port, Port(std::uint16_t{81}));
  EXPECT_EQ(check->probe.timeout, std::chrono::seconds(4));
  EXPECT_EQ(check->rules.interval, std::chrono::seconds(6));
  EXPECT_EQ(check->rules.on_failure, OnFailure::quiesce);
}

TEST(ConvertKeepalived, SaysWhichParameterCannotBePutIn) {
  EXPECT_EQ(keepalived("$A=x $B\n$B=$A\nvirtual_server $A\n").remarks,
            Lines{":3: what $A stands for has no end, or is too long"});
  EXPECT_EQ(keepalived("$A=$A$A\n$A\n").remarks,
            Lines{":2: what $A stands for has no end, or is too long"});
  EXPECT_EQ(keepalived("$A= \\\n x y \\\n $A \\\n $A\n$A\n").remarks,
            (Lines{":5: what parameters stand for has no end", ":5: x y: it is not of LVS"}));
  EXPECT_EQ(keepalived("$A= \\\n x \\\n y\nvirtual_server $A {\n}\n").remarks,
            (Lines{":4: $A stands for several lines, and has to end its own",
                   ":5: a closing brace without an opening one"}));
  EXPECT_EQ(keepalived("$VS=virtual_server 192.0.2.1 80 { }\n~SEQ(A, 1, 3) $VS\n").remarks,
            Lines{":2: lvsctl does not repeat a line (~SEQ(A, 1, 3) $VS)"});
  EXPECT_EQ(keepalived("vrrp_script ${_PWD}/x\n").remarks,
            (Lines{":1: vrrp_script ${_PWD}/x: it is not of LVS",
                   ":1: what keepalived puts in for ${_PWD}"}));
  std::string doubling = "$A= \\\n" + std::string(5000, 'x') + " \\\n y\n";
  for (int i = 0; i < 2000; ++i) doubling += "$A\n";
  const Outcome large = keepalived(doubling);
  EXPECT_EQ(large.remarks.back(), ":2003: what $A stands for has no end, or is too long");
}

TEST(ConvertKeepalived, ReadsCommandsWithTheirQuotesAndBackslashes) {
  const auto converted = [](const std::string& path) {
    return rules_to_lvsd(
        read_keepalived("virtual_server 192.0.2.1 80 { lvs_method NAT\n real_server 10.0.0.1 80 {\n"
                        "MISC_CHECK { misc_path " +
                            path + "\n} } }\n",
                        files_of({})));
  };
  const std::map<std::string, Lines> commands{
      {"/bin/x", {"/bin/x"}},
      {"\"/bin/x -a  b\"", {"/bin/x", "-a", "b"}},
      {"\"/bin/x 'a b' # e\"", {"/bin/x", "a b", "#", "e"}},
      {"\"/bin/x --opt='a b'c {d}\"", {"/bin/x", "--opt=a bc", "{d}"}},
      {"\"/bin/x a\\ b \\x41\\101 \\q 'it\\'s'\"", {"/bin/x", "a b", "AA", "q", "it's"}},
  };
  for (const auto& [path, words] : commands) {
    const Converted some = converted(path);
    EXPECT_EQ(remarks_of(some), Lines()) << path;
    const auto file = parse_file(some.text);
    ASSERT_TRUE(file && file->config.services.size() == 1) << some.text;
    const Health* const check =
        file->health[0].of(file->config.services[0].destinations[0].endpoint);
    ASSERT_NE(check, nullptr) << path;
    EXPECT_EQ(check->probe.command, words);
  }
  for (const std::string path : {"\"/bin/x 'a b\"", "\"/bin/x \\0\"", "\"\"", "\"/bin/x 'a\\'\"",
                                 "\"/bin/x \\\"c d\\\"\""}) {
    const Converted some = converted(path);
    ASSERT_EQ(remarks_of(some).size(), 1U) << path;
    EXPECT_NE(remarks_of(some)[0].find("make no command of it"), std::string::npos) << path;
    EXPECT_EQ(some.text.find("health"), std::string::npos) << some.text;
  }
  EXPECT_EQ(remarks_of(converted("/bin/x -a b")),
            Lines{":3: misc_path /bin/x -a b: '-a' and what follows it: the statement has no place "
                  "for it"});
}

TEST(ConvertKeepalived, ChecksAskTheRealServersOwnPort) {
  const auto converted = [](const std::string& listen, const std::string& rest) {
    return rules_to_lvsd(read_keepalived(
        "virtual_server_group g {\n" + listen + "\n}\nvirtual_server group g {\n" + rest + "\n}\n",
        files_of({})));
  };
  const std::string servers =
      "real_server 10.0.0.1 8080 { TCP_CHECK { } }\n"
      "real_server 10.0.0.2 80 { HTTP_GET { url { path / } } }\n"
      "real_server 10.0.0.3 8080 { TCP_CHECK { connect_port 80 } }";  // the file has them in
                                                                      // reverse
  using Ports = std::vector<std::optional<Port>>;
  for (const std::string method : {"lvs_method DR\n", "lvs_method TUN\n"}) {
    const Converted marked = converted("fwmark 7", method + servers);
    EXPECT_EQ(remarks_of(marked), Lines());
    EXPECT_EQ(asked_ports(marked), (Ports{kPort80, kPort80, kPort8080}));
    EXPECT_EQ(asked_ports(converted("192.0.2.1 80", method + servers)),
              (Ports{kPort80, std::nullopt, kPort8080}));
    EXPECT_EQ(asked_ports(converted("192.0.2.1 8080", method + servers)),
              (Ports{kPort80, kPort80, std::nullopt}));
  }
  EXPECT_EQ(asked_ports(converted("fwmark 7", "lvs_method NAT\n" + servers)),
            (Ports{kPort80, std::nullopt, std::nullopt}));
  EXPECT_EQ(
      remarks_of(converted("192.0.2.1 80",
                           "lvs_method DR\nreal_server 10.0.0.1 8080 { PING_CHECK { } }\n"
                           "real_server 10.0.0.2 8080 { TCP_CHECK { } }\n"
                           "sorry_server 10.0.0.9 8081")),
      (Lines{":6: real_server 10.0.0.1 8080: only NAT maps ports: it gets what comes to port 80",
             ":8: sorry_server 10.0.0.9 8081: only NAT maps ports: it gets what comes to port "
             "80"}));
  EXPECT_EQ(remarks_of(converted("192.0.2.1 80",
                                 "lvs_method DR\nreal_server 10.0.0.2 80 { TCP_CHECK { } }\n"
                                 "sorry_server 10.0.0.9 80")),
            Lines());
}

TEST(ConvertKeepalived, WritesTheTimesThatTheFileLeavesToKeepalived) {
  using std::chrono::milliseconds, std::chrono::seconds;
  struct Times {
    std::string service, check;
    milliseconds interval, timeout;
    std::string remark = {};
    int line = 3;
  };
  const std::vector<Times> cases{
      {"", "TCP_CHECK { }", seconds(60), seconds(5)},
      {"delay_loop 6\n", "HTTP_GET { url { path / } }", seconds(6), seconds(5)},
      {"connect_timeout 9\n", "SMTP_CHECK { }", seconds(60), seconds(9)},
      {"delay_loop 10\n", "TCP_CHECK { delay_loop 7 \n connect_timeout 3 }", seconds(7),
       seconds(3)},
      {"", "MISC_CHECK { misc_path /bin/true }", seconds(60), seconds(60)},
      {"connect_timeout 2\ndelay_loop 9\n", "MISC_CHECK { misc_path /bin/true }", seconds(9),
       seconds(9)},
      {"", "MISC_CHECK { misc_path /bin/true\n misc_timeout 15 }", seconds(60), seconds(15)},
      {"delay_loop 1.5\n", "TCP_CHECK { }", milliseconds(1500), milliseconds(1500),
       "TCP_CHECK: its timeout of 5s is longer than the interval"},
  };
  for (const Times& each : cases) {
    const Converted converted = rules_to_lvsd(
        read_keepalived("virtual_server 192.0.2.1 80 { lvs_method NAT\n" + each.service +
                            "real_server 10.0.0.1 80 { " + each.check + "\n} }\n",
                        files_of({})));
    EXPECT_EQ(remarks_of(converted),
              each.remark.empty() ? Lines()
                                  : Lines{":" + std::to_string(each.line) + ": " + each.remark});
    const auto file = parse_file(converted.text);
    ASSERT_TRUE(file && file->health.size() == 1) << converted.text;
    const Health* const check =
        file->health[0].of(file->config.services[0].destinations[0].endpoint);
    ASSERT_NE(check, nullptr);
    EXPECT_EQ(check->rules.interval, each.interval) << each.check;
    EXPECT_EQ(check->probe.timeout, each.timeout) << each.check;
    EXPECT_EQ(check->rules.damping, Duration::zero());
  }
}

TEST(ConvertKeepalived, NamesWordsThatAStatementHasNoPlaceFor) {
  const std::string head = "virtual_server 192.0.2.1 80 {\n lvs_method NAT\n";
  const auto remark = [&](const std::string& line, bool in_server) {
    const Lines all = keepalived(head + (in_server ? "real_server 10.0.0.1 80 {\n" : "\n") + line +
                                 (in_server ? "\n}\n" : "\n") + "}\n")
                          .remarks;
    const auto found = std::find_if(all.begin(), all.end(), [](const std::string& each) {
      return each.find("no place") != each.npos;
    });
    return found == all.end() ? std::string() : *found;  // others are about what is with it
  };
  const std::string tail = ": 'more' and what follows it: the statement has no place for it";
  for (const std::string line :
       {"weight 3 more words", "uthreshold 100 more", "lvs_method NAT more", "delay_loop 6 more",
        "inhibit_on_failure on more", "alpha on more"}) {
    EXPECT_EQ(remark(line, true), ":4: " + line + tail);
    if (line.starts_with("uthreshold")) continue;
    EXPECT_EQ(remark(line, false), ":4: " + line + tail);
  }
  for (const std::string line : {"protocol TCP more", "ops more", "persistence_timeout 50 more",
                                 "sorry_server 10.0.0.9 80 more"}) {
    EXPECT_EQ(remark(line, false), ":4: " + line + tail);
  }
  EXPECT_EQ(remark("TCP_CHECK { connect_port 81 more }", true), ":4: connect_port 81 more" + tail);
  EXPECT_EQ(remark("TCP_CHECK more { }", true), ":4: TCP_CHECK more" + tail);
  EXPECT_EQ(remark("HTTP_GET { url { path / more } }", true), ":4: path / more" + tail);
  EXPECT_EQ(remark("real_server 10.0.0.1 80 more { }", false),
            ":4: real_server 10.0.0.1 80 more" + tail);
  EXPECT_EQ(keepalived("virtual_server 192.0.2.1 80 more { lvs_method NAT\n }\n").remarks,
            Lines{":1: virtual_server 192.0.2.1 80 more" + tail});
}

TEST(ConvertKeepalived, ExpandsRangesOfAddressesAndPorts) {
  const std::string tail = " }\nvirtual_server group g { lvs_method DR }\n";
  const auto listens = [&](const std::string& line) {
    Lines out;
    for (const auto& service :
         keepalived("virtual_server_group g {\n" + line + tail).config.services) {
      out.push_back(to_string(service.key));
    }
    return out;
  };
  EXPECT_EQ(listens("192.0.2.9-10 80-81"), (Lines{"192.0.2.9:80/udp", "192.0.2.9:81/udp",
                                                  "192.0.2.10:80/udp", "192.0.2.10:81/udp"}));
  EXPECT_EQ(listens("2001:db8::9-a 80"), (Lines{"[2001:db8::9]:80/udp", "[2001:db8::a]:80/udp"}));
  EXPECT_EQ(listens("fwmark 7"), Lines{"fwmark:7"});
  for (const std::string wrong : {"192.0.2.9-8 80", "192.0.2.250-256 80", "192.0.2.1- 80", "-5 80",
                                  "192.0.2.1 80-70", "192.0.2.1 0-65535", "x 80"}) {
    EXPECT_EQ(listens(wrong), Lines()) << wrong;
    EXPECT_EQ(keepalived("virtual_server_group g {\n" + wrong + tail).remarks.size(), 1U) << wrong;
  }
}

TEST(ConvertKeepalived, KnowsTheDefaultsOfPersistence) {
  const Outcome some = keepalived(
      "virtual_server 192.0.2.1 80 { lvs_method DR\n persistence_timeout\n }\n"
      "virtual_server 2001:db8::1 80 { lvs_method DR\n persistence_granularity 64\n }\n"
      "virtual_server 192.0.2.2 80 { real_server 10.0.0.1 80 { } }\n");
  EXPECT_EQ(some.remarks,
            Lines{":7: real_server 10.0.0.1 80: neither it nor its virtual_server has "
                  "an lvs_method"});
  ASSERT_EQ(some.config.services.size(), 3U);
  EXPECT_EQ(some.config.services[0].persistence, (Persistence{std::chrono::seconds(360), 32}));
  EXPECT_EQ(some.config.services[1].persistence, (Persistence{std::chrono::seconds(360), 64}));
  EXPECT_FALSE(some.config.services[2].persistence);
}

// keepalived 2.2 says so when it starts; the kernel has it so.
TEST(ConvertKeepalived, KnowsTheDefaultsOfServicesByAddress) {
  const Converted bare = rules_to_lvsd(read_keepalived(
      "virtual_server 192.0.2.1 0 { lvs_method NAT\n real_server 10.0.0.1 0 { } }\n"
      "virtual_server fwmark 7 { lvs_method NAT\n real_server 10.0.0.1 80 { } }\n"
      "virtual_server 192.0.2.2 0 { protocol TCP\n lvs_method NAT\n persistence_timeout 50 }\n",
      files_of({})));
  ASSERT_EQ(bare.left_out.size(), 1U);
  EXPECT_EQ(bare.left_out[0].line, 1U);
  EXPECT_EQ(bare.left_out[0].what,
            "virtual_server: it has no protocol, which is UDP to keepalived");
  const auto config = parse_config(bare.text);
  ASSERT_TRUE(config && config->services.size() == 3) << bare.text;
  EXPECT_EQ(to_string(config->services[0].key), "192.0.2.1/udp");
  EXPECT_EQ(config->services[0].persistence, (Persistence{std::chrono::seconds(360), 32}));
  EXPECT_FALSE(config->services[1].persistence);
  EXPECT_EQ(to_string(config->services[2].key.protocol), "tcp");
  EXPECT_EQ(config->services[2].persistence, (Persistence{std::chrono::seconds(50), 32}));
}

TEST(ConvertKeepalived, SorryServersHaveTheirTunnel) {
  const std::string server =
      "sorry_server 10.0.0.9 80\nreal_server 10.0.0.1 80 { TCP_CHECK { } }\n";
  const Tunnel gue{Encapsulation::gue, Port(std::uint16_t{6080}), {}};
  const Tunnel gre{Encapsulation::gre, {}, TunnelChecksum::present};
  const ConfigFile file = keepalived_file(
      "virtual_server 192.0.2.1 80 { lvs_method TUN type gue port 6080\n" + server +
      "}\nvirtual_server 192.0.2.2 80 { lvs_method DR\nsorry_server_lvs_method TUN type gre "
      "csum\n" +
      server + "}\nvirtual_server 192.0.2.3 80 { lvs_method TUN type gue port 6080\n" +
      "sorry_server_lvs_method TUN\n" + server + "}\n");
  ASSERT_EQ(file.health.size(), 3U);
  const auto tunnel = [&](std::size_t i) {
    return std::get<Tunnel>(file.health[i].sorry_server->method);
  };
  EXPECT_EQ(tunnel(0), gue);
  EXPECT_EQ(tunnel(1).encapsulation, gre.encapsulation);
  EXPECT_EQ(tunnel(1).checksum, gre.checksum);
  EXPECT_EQ(tunnel(2).encapsulation, Encapsulation::ipip);
}

TEST(ConvertKeepalived, EveryPrefixGivesAFileThatLoads) {
  for (std::size_t length = 0; length <= kShop.size(); ++length) {
    keepalived(kShop.substr(0, length));
  }
}

}  // namespace
}  // namespace lvsd::ctl
