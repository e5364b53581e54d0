// SPDX-License-Identifier: GPL-2.0-or-later
// keepalived.conf and ldirectord.cf: the corners of their languages. Whole files: tests/convert.
#include <gtest/gtest.h>

#include <map>

#include "lvsd/config/load.h"
#include "lvsd/ctl/convert.h"

namespace lvsd::ctl {
namespace {

using Lines = std::vector<std::string>;
using Files = std::map<std::string, std::string, std::less<>>;

Include files_of(const Files& files) {
  return [&files](const std::string& pattern, const std::string&) {
    const auto found = files.find(pattern);
    if (found == files.end()) return std::vector<TextFile>();
    return std::vector<TextFile>{{found->first, found->second}};
  };
}

Lines remarks_of(const Converted& converted) {
  Lines out;
  for (const Remark& remark : converted.left_out) {
    out.push_back(remark.file + ":" + std::to_string(remark.line) + ": " + remark.what);
  }
  return out;
}

struct Outcome {
  Config config;
  Lines remarks;
};
Outcome outcome(const Converted& converted) {
  const auto config = parse_config(converted.text);
  EXPECT_TRUE(config.has_value()) << converted.text;
  return {config ? *config : Config{}, remarks_of(converted)};
}
Outcome keepalived(std::string_view text, const Files& files = {}) {
  return outcome(rules_to_lvsd(read_keepalived(text, files_of(files))));
}
Outcome ldirectord(std::string_view text) { return outcome(rules_to_lvsd(read_ldirectord(text))); }

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
  EXPECT_EQ(to_string(some.config.services[0].key), "192.0.2.1:80/tcp");
  std::string growing = "$A=xxxxxxxxxxxxxxxx\n";
  for (int i = 0; i < 40; ++i) growing += "$A=$A$A\n";
  EXPECT_EQ(keepalived(growing).remarks.size(), 28U);  // from the line that is too long on
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
  EXPECT_EQ(listens("192.0.2.9-10 80-81"), (Lines{"192.0.2.9:80/tcp", "192.0.2.9:81/tcp",
                                                  "192.0.2.10:80/tcp", "192.0.2.10:81/tcp"}));
  EXPECT_EQ(listens("2001:db8::9-a 80"), (Lines{"[2001:db8::9]:80/tcp", "[2001:db8::a]:80/tcp"}));
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

TEST(ConvertForeign, EveryPrefixGivesAFileThatLoads) {
  for (std::size_t length = 0; length <= kShop.size(); ++length) {
    keepalived(kShop.substr(0, length));
  }
  constexpr std::string_view kFile = "virtual=192.0.2.1:80\n real=10.0.0.1->10.0.0.2:80 gate 3\n";
  for (std::size_t length = 0; length <= kFile.size(); ++length) {
    ldirectord(kFile.substr(0, length));
  }
}

}  // namespace
}  // namespace lvsd::ctl
