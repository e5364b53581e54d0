// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/convert.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lvsd/config/load.h"
#include "lvsd/ctl/commands.h"
#include "lvsd/ctl/ipvsadm_line.h"

namespace lvsd::ctl {
namespace {

// The configuration that the text becomes; nothing may be left out.
Config carried(std::string_view text) {
  const Converted converted = ipvsadm_to_lvsd(text);
  for (const Remark& remark : converted.left_out) {
    ADD_FAILURE() << "line " << remark.line << ": " << remark.what;
  }
  const auto config = parse_config(converted.text);
  EXPECT_TRUE(config.has_value()) << converted.text;
  return config ? *config : Config{};
}

// "LINE: WHAT" of everything left out.
std::vector<std::string> left_out(std::string_view text) {
  std::vector<std::string> out;
  const Converted converted = ipvsadm_to_lvsd(text);
  EXPECT_TRUE(parse_config(converted.text).has_value()) << converted.text;
  for (const Remark& remark : converted.left_out) {
    out.push_back(std::to_string(remark.line) + ": " + remark.what);
  }
  return out;
}

std::vector<std::string> endpoints(const VirtualService& service) {
  std::vector<std::string> out;
  for (const Destination& destination : service.destinations) {
    out.push_back(to_string(destination.endpoint) + " " +
                  std::string(to_string(destination.method)) + " " +
                  std::to_string(destination.weight.value()));
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(Convert, WritesServicesInOrderAndDestinationsNewestFirst) {
  const Config config = carried(
      "-A -t 192.0.2.10:80 -s rr\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 3\n"
      "-A -u 192.0.2.9:53 -s wlc\n"
      "-a -u 192.0.2.9:53 -r 10.0.0.21:53 -i -w 0 --tun-type ipip\n"
      "-a -u 192.0.2.9:53 -r 10.0.0.22:53 -g -w 1\n");
  ASSERT_EQ(config.services.size(), 2U);
  EXPECT_EQ(to_string(config.services[0].key), "192.0.2.10:80/tcp");
  EXPECT_EQ(config.services[0].scheduler, SchedulerKind::rr);
  EXPECT_EQ(endpoints(config.services[0]), (Lines{"10.0.0.12:80 nat 3", "10.0.0.11:8080 nat 1"}));
  EXPECT_EQ(to_string(config.services[1].key), "192.0.2.9:53/udp");
  EXPECT_EQ(endpoints(config.services[1]), (Lines{"10.0.0.22:53 dr 1", "10.0.0.21:53 tun 0"}));
}

TEST(Convert, ReadsHandWrittenLines) {
  const Config config = carried(
      "# the web\n"
      "\n"
      "  /sbin/ipvsadm   -At 192.0.2.10:http -swrr\n"
      "ipvsadm -a --tcp-service=192.0.2.10:80 --real-server 10.0.0.11 --weight=7\r\n"
      "ipvsadm -at 192.0.2.10:http -mr 10.0.0.12 -w9\n"
      "ipvsadm -L -n\n"
      "ipvsadm --set 0 60 0");
  ASSERT_EQ(config.services.size(), 1U);
  EXPECT_EQ(config.services[0].scheduler, SchedulerKind::wrr);
  EXPECT_EQ(endpoints(config.services[0]), (Lines{"10.0.0.12:80 nat 9", "10.0.0.11:80 dr 7"}));
  EXPECT_EQ(config.timeouts, (Timeouts{.tcp_fin = std::chrono::seconds(60)}));
}

TEST(Convert, CarriesOutEditsAndDeletions) {
  const std::string base =
      "-A -t 192.0.2.10:80 -s rr\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.12 -w 2\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.13 -w 3\n";
  // An edit keeps the place and falls back to the defaults; what comes back is the newest.
  EXPECT_EQ(endpoints(carried(base + "-e -t 192.0.2.10:80 -r 10.0.0.12 -i\n").services.at(0)),
            (Lines{"10.0.0.13:80 dr 3", "10.0.0.12:80 tun 1", "10.0.0.11:8080 nat 1"}));
  EXPECT_EQ(endpoints(carried(base + "-d -t 192.0.2.10:80 -r 10.0.0.11:8080\n"
                                     "-a -t 192.0.2.10:80 -r 10.0.0.11\n")
                          .services.at(0)),
            (Lines{"10.0.0.11:80 dr 1", "10.0.0.13:80 dr 3", "10.0.0.12:80 dr 2"}));
  const Config edited = carried(base + "-E -t 192.0.2.10:80\n");
  EXPECT_EQ(edited.services.at(0).scheduler, SchedulerKind::wlc);
  EXPECT_EQ(edited.services.at(0).destinations.size(), 3U);
  EXPECT_TRUE(carried(base + "-D -t 192.0.2.10:80\n").services.empty());
  EXPECT_TRUE(carried(base + "-C\n").services.empty());
  EXPECT_TRUE(carried("").services.empty());
}

TEST(Convert, LeavesOutWholeLinesAndSaysWhich) {
  EXPECT_EQ(
      left_out("-A -u 192.0.2.10:53 -s rr -b flag-3\n-a -u 192.0.2.10:53 -r 10.0.0.1\n"),
      (Lines{"1: the scheduler rr has no flag flag-3", "2: its service, of line 1, is left out"}));
  EXPECT_EQ(left_out("-A -t 192.0.2.10:80\n"
                     "-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gre --tun-remcsum\n"
                     "-a -t 192.0.2.10:80 -r 127.0.0.1\n"
                     "-a -t 192.0.2.10:80 -r 10.0.0.2\n"
                     "--start-daemon master --mcast-interface eth0\n")
                .size(),
            3U);
  EXPECT_EQ(left_out("-A -t 192.0.2.10:80\n"
                     "-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type gue\n"
                     "-a -t 192.0.2.10:80 -r 10.0.0.2 -i --tun-csum\n"),
            (Lines{"2: --tun-type gue needs a --tun-port", "3: the tunnel ipip has no checksum"}));
}

TEST(Convert, TunnelsThresholdsAndIpv6GoBothWays) {
  const std::string rules =
      "-A -t [2001:db8::10]:80 -s mh -b mh-fallback,mh-port\n"
      "-a -t [2001:db8::10]:80 -r [2001:db8::1]:8080 -m -w 1 -x 100 -y 50\n"
      "-a -t [2001:db8::10]:80 -r 10.0.0.11:80 -i -w 2 --tun-type gue --tun-port 6080 "
      "--tun-remcsum\n"
      "-a -t [2001:db8::10]:80 -r 10.0.0.12:80 -i -w 3 --tun-type gre --tun-csum\n"
      "-a -t [2001:db8::10]:80 -r [2001:db8::3]:80 -i -w 4 --tun-type ipip\n";
  const Config config = carried(rules);
  const VirtualService& service = config.services.at(0);
  EXPECT_EQ(service.destinations.at(3).thresholds, (Thresholds{100, 50}));
  EXPECT_EQ(service.destinations.at(2).method,
            ForwardingMethod(
                Tunnel{Encapsulation::gue, Port(std::uint16_t{6080}), TunnelChecksum::remote}));
  EXPECT_EQ(service.destinations.at(1).method,
            ForwardingMethod(Tunnel{Encapsulation::gre, Port(), TunnelChecksum::present}));
  EXPECT_EQ(lvsd_to_ipvsadm(config).text, rules);
}

// What is refused by ipvsadm is a remark at its line, and the rest goes on.
TEST(Convert, RefusesWhatIpvsadmWould) {
  const std::pair<std::string_view, std::string_view> kWrong[] = {
      {"-A", "1: one of -t, -u, --sctp-service and -f is needed"},
      {"-t 192.0.2.1:80", "1: the command (-A, -a and the like) must come first"},
      {"-A -a -t 192.0.2.1:80", "1: there are two commands"},
      {"-A -t 192.0.2.1:80 -t 192.0.2.1:81", "1: -t is given twice"},
      {"-A -t 192.0.2.1:80 -u 192.0.2.1:80", "1: one of -t, -u, --sctp-service and -f is needed"},
      {"-A -t 192.0.2.1:80 -w 1", "1: -w does not go with this command"},
      {"-A -t 192.0.2.1:80 --schedule rr", "1: ipvsadm has no option --schedule"},
      {"-A -t 192.0.2.1:80 -s", "1: -s needs a value"},
      {"-A -t 192.0.2.1:80 rr", "1: what is 'rr'?"},
      {"-A -t 192.0.2.1:65536", "1: port: '65536' is not a number of 0..65535"},
      {"-A -t 192.0.2.1", "1: a service for any port must be persistent (-p)"},
      {"-A -t 192.0.2.1:80 -o", "1: -o goes with UDP and firewall marks only"},
      {"-A -t 192.0.2.1:80 -p 0", "1: -p: '0' is not a number of 1..2678400"},
      {"-A -t 192.0.2.1:80 -p -M 255.0.255.0",
       "1: -M: '255.0.255.0' is not a netmask such as 255.255.255.0"},
      {"-E -t 192.0.2.1:80", "1: there is no such service"},
      {"-D -t 192.0.2.1:80", "1: there is no such service"},
      {"-a -t 192.0.2.1:80 -r 10.0.0.1", "1: there is no such service"},
      {"-R", "1: -R reads another file; convert that one"},
      {"--set 1 2", "1: --set takes three numbers: TCP TCPFIN UDP"},
      {"-A --tcp-service", "1: --tcp-service needs a value"},
      {"-A --ops=yes -u 192.0.2.1:53", "1: --ops takes no value"},
      {"-A -f 0", "1: -f: '0' is not a number of 1..4294967295"},
  };
  for (const auto& [line, remark] : kWrong) {
    EXPECT_EQ(left_out(line), Lines{std::string(remark)}) << line;
  }
  const std::string base = "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1\n";
  EXPECT_EQ(left_out(base + "-A -t 192.0.2.1:80\n"), Lines{"3: the service exists, since line 1"});
  EXPECT_EQ(left_out(base + "-a -t 192.0.2.1:80 -r 10.0.0.1:9\n"),
            Lines{"3: the server exists, since line 2"});
  EXPECT_EQ(left_out(base + "-d -t 192.0.2.1:80 -r 10.0.0.1:9\n"),
            Lines{"3: the service has no such server"});
  EXPECT_EQ(left_out(base + "-e -t 192.0.2.1:80 -r 10.0.0.1 -g -m\n"),
            Lines{"3: one of -g, -i and -m is enough"});
  EXPECT_EQ(left_out(base + "-e -t 192.0.2.1:80 -r 10.0.0.1 -w 65536\n"),
            Lines{"3: --weight: '65536' is not a number of 0..65535"});
}

// Host names depend on the machine, so they are not looked up.
TEST(Convert, LooksUpNoHostNames) {
  EXPECT_EQ(left_out("-A -t localhost:80\n").size(), 1U);
  EXPECT_EQ(left_out("-A -t 192.0.2.1:no-such-service\n").size(), 1U);
}

TEST(Convert, EveryPrefixOfALineIsRefusedOrRead) {
  const std::string_view line = "-a -t 192.0.2.1:80 --real-server=10.0.0.1:8080 -mw 5 -x 7 -y 3";
  for (std::size_t length = 0; length <= line.size(); ++length) {
    const auto parsed = parse_ipvsadm_line(line.substr(0, length));
    if (!parsed) {
      EXPECT_FALSE(parsed.error().message.empty());
    } else if (*parsed) {
      EXPECT_EQ((*parsed)->command, IpvsadmCommand::add_server);
    }
  }
}

TEST(Convert, RulesComeBackAsTheyWere) {
  const std::string rules =
      "--set 100 20 30\n"
      "-A -t 192.0.2.10:80 -s sh\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -g -w 0\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.13:80 -i -w 65535 --tun-type ipip\n"
      "-A -u 192.0.2.10:53 -s wlc\n";
  const Converted back = lvsd_to_ipvsadm(carried(rules));
  EXPECT_TRUE(back.left_out.empty());
  EXPECT_EQ(back.text, rules);
}

// A flag that its scheduler does not have is no flag of lvsd.yaml either.
TEST(Convert, FlagsBelongToTheirScheduler) {
  EXPECT_EQ(left_out("-A -t 192.0.2.1:80 -s rr -b flag-1\n"),
            Lines{"1: the scheduler rr has no flag flag-1"});
  EXPECT_EQ(left_out("-A -t 192.0.2.1:80 -s sh -b sh-port,mh-port\n"),
            Lines{"1: the scheduler sh has no flag mh-port"});
}

TEST(Convert, SaysWhatIpvsadmCannot) {
  const auto config = parse_config(
      "timeouts: {udp: 1500ms}\n"
      "services: [{listen: 192.0.2.1:80/tcp, destinations: []}]\n");
  ASSERT_TRUE(config);
  const Converted converted = lvsd_to_ipvsadm(*config);
  ASSERT_EQ(converted.left_out.size(), 1U);
  EXPECT_EQ(converted.left_out[0].what,
            "timeouts: 1500ms is not in whole seconds, which ipvsadm wants");
  EXPECT_EQ(converted.text, "-A -t 192.0.2.1:80 -s wlc\n");
}

struct Ran {
  int status;
  std::string out, err;
};
Ran run(const Words& words) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = convert(words);
  return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(ConvertCommand, StatusSaysWhetherAllWasCarried) {
  const std::string file = testing::TempDir() + "convert_command.rules";
  const auto write = [&file](std::string_view text) { std::ofstream(file) << text; };
  write("-A -t 192.0.2.1:80 -s rr\n");
  const Ran whole = run({"--from", "ipvsadm", "--to", "lvsd", file});
  EXPECT_EQ(whole.status, kFine);
  EXPECT_EQ(whole.err, "");
  EXPECT_TRUE(parse_config(whole.out).has_value());
  EXPECT_EQ(run({"--from", "ipvsadm", "--to", "ipvsadm", file}).out, "-A -t 192.0.2.1:80 -s rr\n");
  const Ran json = run({"--from", "ipvsadm", "--to", "lvsd", "--json", file});
  EXPECT_NE(json.out.find("\"version\": 1"), std::string::npos) << json.out;
  write("-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.1:81 -s nonsense\n");
  const Ran part = run({"--from", "ipvsadm", "--to", "lvsd", file});
  EXPECT_EQ(part.status, kNo);
  EXPECT_EQ(part.err.find(file + ":2: left out: "), 0U) << part.err;
  EXPECT_TRUE(parse_config(part.out).has_value());
  EXPECT_EQ(run({"--from", "lvsd", "--to", "ipvsadm", file}).status, kNo);  // no YAML
  std::filesystem::remove(file);
  EXPECT_EQ(run({"--from", "ipvsadm", "--to", "lvsd", file}).status, kNo);
}

TEST(ConvertCommand, RefusesLanguagesItHasNot) {
  EXPECT_EQ(run({"--from", "ipvsadm"}).status, kUsage);
  EXPECT_EQ(run({"--from", "ipvsadm", "--to", "nft"}).status, kUsage);
  const Ran ran = run({"--from", "haproxy", "--to", "lvsd"});
  EXPECT_EQ(ran.status, kUsage);
  EXPECT_NE(ran.err.find("keepalived"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace lvsd::ctl
