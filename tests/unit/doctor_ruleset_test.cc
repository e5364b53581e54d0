// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor makes of the host's own firewall rules.
#include "doctor/ruleset.h"

#include <gtest/gtest.h>

#include <string>

namespace lvsd::doctor {
namespace {

Config with_service() {
  constexpr Port kHttp{std::uint16_t{80}};
  VirtualService service;
  service.name = "web";
  service.key = {ServiceProtocol::tcp, {IpAddress(10, 0, 1, 100), kHttp}};
  service.destinations = {{{IpAddress(10, 0, 2, 11), kHttp}, DirectRouting{}, Weight()}};
  Config config;
  config.services = {service};
  return config;
}

std::string ruleset(const std::string& hook, int priority, const std::string& expressions,
                    int handle = 6) {
  return R"({"nftables": [
    {"table": {"family": "ip", "name": "lvsd", "handle": 5}},
    {"chain": {"family": "ip", "table": "lvsd", "name": "p", "hook": "prerouting", "prio": -300}},
    {"rule": {"family": "ip", "table": "lvsd", "chain": "p", "handle": 1, "expr": []}},
    {"table": {"family": "ip", "name": "fw", "handle": )" +
         std::to_string(handle) + R"(}},
    {"chain": {"family": "ip", "table": "fw", "name": "c", "hook": ")" +
         hook + R"(", "prio": )" + std::to_string(priority) + R"(}},
    {"rule": {"family": "ip", "table": "fw", "chain": "c", "handle": 9, "expr": [)" +
         expressions + "]}}]}";
}

std::size_t shadows(const std::string& text, CaptureStage stage = CaptureStage::early) {
  Config config = with_service();
  config.startup.stage = stage;
  const auto view = view_ruleset(text, config);
  EXPECT_TRUE(view) << view.error().message;
  EXPECT_TRUE(view->captures_v4);
  EXPECT_FALSE(view->captures_v6);
  return view->shadows.size();
}

TEST(DoctorRuleset, FindsWhatDropsBeforeUs) {
  const std::string drop = R"({"drop": null})";
  const std::string to_vip =
      R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
          "right": {"prefix": {"addr": "10.0.1.0", "len": 24}}}},)";
  const std::string to_port =
      R"({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
          "right": {"set": [22, 80]}}},)";
  const std::string other_port =
      R"({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
          "right": 81}},)";
  EXPECT_EQ(shadows(ruleset("prerouting", -400, drop)), 1U);
  EXPECT_EQ(shadows(ruleset("prerouting", -300, drop)), 1U) << "a younger table";
  EXPECT_EQ(shadows(ruleset("prerouting", -300, drop, 3)), 0U) << "an older table";
  EXPECT_EQ(shadows(ruleset("prerouting", -150, drop)), 0U);
  EXPECT_EQ(shadows(ruleset("input", 0, drop)), 0U);
  EXPECT_EQ(shadows(ruleset("input", 0, drop), CaptureStage::late), 1U);
  EXPECT_EQ(shadows(ruleset("prerouting", -400, to_vip + to_port + drop)), 1U);
  EXPECT_EQ(shadows(ruleset("prerouting", -400, to_vip + other_port + drop)), 0U);
  EXPECT_EQ(shadows(ruleset("prerouting", -400, R"({"xt": null},)" + drop)), 0U);
  EXPECT_EQ(shadows(ruleset("prerouting", -400, R"({"accept": null})")), 0U);
}

// An ordinary firewall: what it knows it accepts, the rest it drops.
TEST(DoctorRuleset, ADropBehindWhatMayAcceptIsNoShadow) {
  const auto behind = [](const std::string& earlier) {
    return shadows(ruleset("input", 0, earlier + R"(]}},
        {"rule": {"family": "ip", "table": "fw", "chain": "c", "handle": 10,
                  "expr": [{"counter": null}, {"reject": null})"),
                   CaptureStage::late);
  };
  const auto match = [](const std::string& left, const std::string& right,
                        const std::string& op = "==") {
    return R"({"match": {"op": ")" + op + R"(", "left": )" + left + R"(, "right": )" + right +
           "}},";
  };
  const std::string dport = R"({"payload": {"protocol": "tcp", "field": "dport"}})";
  const std::string daddr = R"({"payload": {"protocol": "ip", "field": "daddr"}})";
  const std::string saddr = R"({"payload": {"protocol": "ip", "field": "saddr"}})";
  const std::string state = R"({"ct": {"key": "state"}})";
  const std::string accept = R"({"accept": null})";
  struct {
    std::string rule;
    std::size_t shadows;
  } const rows[] = {
      {match(dport, "80") + accept, 0},
      {match(dport, R"({"set": [22, 80]})") + accept, 0},
      {match(dport, "\"@open\"") + accept, 0},
      {match(saddr, "\"192.0.2.0/24\"") + accept, 0},
      {match(dport, "22", "!=") + accept, 0},
      {match(state, R"(["new", "established"])", "in") + accept, 0},
      {R"({"xt": null})", 0},
      {R"({"jump": {"target": "zones"}})", 0},
      {match(dport, "80") + R"({"counter": null})", 1},
      {match(dport, "22") + accept, 1},
      {match(dport, "80", "!=") + accept, 1},
      {match(R"({"payload": {"protocol": "udp", "field": "sport"}})", "53") + accept, 1},
      {match(daddr, "\"10.9.9.9\"") + R"({"jump": {"target": "zones"}})", 1},
      {match(state, R"(["established", "related"])", "in") + accept, 1},
      {match(R"({"meta": {"key": "iifname"}})", "\"lo\"") + accept, 1},
  };
  for (const auto& row : rows) EXPECT_EQ(behind(row.rule), row.shadows) << row.rule;
}

TEST(DoctorRuleset, ADropBehindWhatMayAcceptIsNoShadowInLegacyRules) {
  Config config = with_service();
  config.startup.stage = CaptureStage::late;
  const auto behind = [&config](const std::string& earlier) {
    const std::string saved = "*filter\n-A INPUT " + earlier +
                              "\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n";
    return view_saved_rules(saved, true, config).shadows.size();
  };
  for (const char* passes :
       {"-p tcp -m tcp --dport 80 -j ACCEPT", "-s 192.0.2.0/24 -j ACCEPT", "-j ufw-before-input",
        "! -d 10.9.9.9/32 -j ACCEPT", "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        "-p tcp -m tcp --tcp-flags SYN,RST,ACK SYN -g zones"}) {
    EXPECT_EQ(behind(passes), 0U) << passes;
  }
  for (const char* other :
       {"-p tcp -m tcp --dport 22 -j ACCEPT", "-i lo -j ACCEPT", "-d 10.9.9.9/32 -j ACCEPT",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "! -d 10.0.1.0/24 -j ACCEPT",
        "-p tcp -m tcp --dport 80 -j LOG --log-prefix x", "-p udp -j ACCEPT"}) {
    EXPECT_EQ(behind(other), 1U) << other;
  }
}

TEST(DoctorRuleset, KnowsItsPlaceAmongIptablesRules) {
  const auto text = [](const std::string& first, const std::string& second) {
    return R"({"nftables": [
      {"table": {"family": "ip", "name": "raw", "handle": 2}},
      {"chain": {"family": "ip", "table": "raw", "name": "LVSD", "handle": 1}},
      {"chain": {"family": "ip", "table": "raw", "name": "PREROUTING", "hook": "prerouting",
                 "prio": -300}},
      {"rule": {"family": "ip", "table": "raw", "chain": "LVSD", "handle": 7,
                "expr": [{"xt": {"type": "target", "name": "NFQUEUE"}}]}},
      {"rule": {"family": "ip", "table": "raw", "chain": "PREROUTING", "handle": 3,
                "expr": [)" +
           first + R"(]}},
      {"rule": {"family": "ip", "table": "raw", "chain": "PREROUTING", "handle": 4,
                "expr": [)" +
           second + "]}}]}";
  };
  const std::string drop = R"({"drop": null})", jump = R"({"jump": {"target": "LVSD"}})";
  EXPECT_EQ(shadows(text(drop, jump)), 1U);
  EXPECT_EQ(shadows(text(jump, drop)), 0U);
}

TEST(DoctorRuleset, ReadsLegacyRules) {
  const auto shadows = [](const std::string& rules, CaptureStage stage) {
    Config config = with_service();
    config.startup.stage = stage;
    return view_saved_rules(rules, true, config).shadows;
  };
  const std::string jump = "-A PREROUTING -j LVSD\n";
  const std::string drop =
      "-A PREROUTING -d 10.0.1.0/24 -p tcp -m multiport --dports 22,79:81 -j DROP\n";
  const std::string elsewhere = "-A PREROUTING -p tcp -m tcp --dport 81 -j DROP\n";
  const std::string unknown = "-A PREROUTING -i eth7 -j DROP\n";
  constexpr auto kEarly = CaptureStage::early, kLate = CaptureStage::late;
  const auto found = shadows("*raw\n" + drop + jump, kEarly);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find("table raw: -A PREROUTING -d 10.0.1.0/24"), std::string::npos);
  EXPECT_EQ(shadows("*raw\n" + jump + drop, kEarly).size(), 0U);
  EXPECT_EQ(shadows("*raw\n" + elsewhere + unknown + jump, kEarly).size(), 0U);
  EXPECT_EQ(shadows("*raw\n" + drop, kEarly).size(), 0U) << "nobody knows which is older";
  EXPECT_EQ(shadows("*raw\n" + drop, kLate).size(), 1U);
  EXPECT_EQ(
      shadows("*filter\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n", kLate).size(),
      1U);
  EXPECT_EQ(shadows("*security\n-A INPUT -j DROP\n", kLate).size(), 0U);
  EXPECT_TRUE(view_saved_rules("*raw\n-A LVSD -j NFQUEUE\n", true, {}).captures_v4);
  EXPECT_FALSE(view_saved_rules("*raw\n-A\n-A \nCOMMIT", true, {}).captures_v4);
}

TEST(DoctorRuleset, NonsenseIsAnError) {
  const std::string text = ruleset("prerouting", -400, R"({"drop": null})");
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(view_ruleset(std::string_view(text).substr(0, length), {})) << length;
  }
  EXPECT_FALSE(view_ruleset("[]", {}));
  EXPECT_FALSE(view_ruleset(R"({"nftables": [{"table": 3}]})", {}));
}

}  // namespace
}  // namespace lvsd::doctor
