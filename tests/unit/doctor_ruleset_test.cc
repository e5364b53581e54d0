// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor makes of the host's own firewall rules.
#include "doctor/ruleset.h"

#include <gtest/gtest.h>

#include <sstream>
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

using Strings = std::vector<std::string>;

// What surely drops, and with `sure` false what may.
Strings shadows_of(const RulesetView& view, bool sure = true) {
  Strings out;
  for (const ShadowEvidence& shadow : view.shadows) {
    if (shadow.sure == sure) out.push_back(shadow.rule);
  }
  return out;
}

RulesetView view_of(const std::string& text, CaptureStage stage = CaptureStage::early) {
  Config config = with_service();
  config.startup.stage = stage;
  const auto view = view_ruleset(text, {config, {0}});
  EXPECT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->captured, std::set<std::string>{"web"});
  return *view;
}
std::size_t shadows(const std::string& text, CaptureStage stage = CaptureStage::early) {
  return shadows_of(view_of(text, stage)).size();
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
    return shadows_of(view_saved_rules(saved, true, {config, {0}})).size();
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
    return shadows_of(view_saved_rules(rules, true, {config, {0}}));
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
  const Config config = with_service();
  const auto captured = [&config](const char* rules) {
    return view_saved_rules(rules, true, {config, {0, 4}}).captured.size();
  };
  EXPECT_EQ(captured("*raw\n-A LVSD -j NFQUEUE\n"), 1U);
  EXPECT_EQ(captured("*raw\n-A\n-A \nCOMMIT"), 0U);
  const std::string_view queues = "*raw\n-A PREROUTING -p tcp -m tcp --dport ";
  for (const auto& [rule, expected] : {
           std::pair{"80 -j NFQUEUE --queue-num 4", 1U},
           {"80 -j NFQUEUE --queue-num 0 --queue-bypass", 1U},
           {"80 -j NFQUEUE --queue-balance 3:5", 1U},
           {"80 -j NFQUEUE --queue-balance 1:3", 0U},
           {"80 -j NFQUEUE --queue-num 77", 0U},
           {"81 -j NFQUEUE --queue-num 4", 0U},
       }) {
    EXPECT_EQ(captured((std::string(queues) + rule + "\n").c_str()), expected) << rule;
  }
}

// A chain with a policy, of rules in libnftables-json(5).
struct Chained {
  std::string hook;
  int priority;
  std::string rules;      // each {"expr": ...} without the rest
  std::string more = {};  // sets and other chains
};
std::string chained(const Chained& what) {
  std::string text = R"({"nftables": [
    {"table": {"family": "ip", "name": "lvsd", "handle": 5}},
    {"chain": {"family": "ip", "table": "lvsd", "name": "p", "hook": "prerouting", "prio": -300}},
    {"rule": {"family": "ip", "table": "lvsd", "chain": "p", "handle": 1, "expr": []}},
    {"table": {"family": "ip", "name": "fw", "handle": 6}},)" +
                     what.more + R"({"chain": {"family": "ip", "table": "fw", "name": "c",
                       "policy": "drop", "hook": ")" +
                     what.hook + R"(", "prio": )" + std::to_string(what.priority) + "}}";
  int handle = 8;
  std::istringstream rules(what.rules);
  for (std::string rule; std::getline(rules, rule, ';');) {
    text += R"(, {"rule": {"family": "ip", "table": "fw", "chain": "c", "handle": )" +
            std::to_string(++handle) + R"(, "expr": [)" + rule + "]}}";
  }
  return text + "]}";
}
const std::string kPort80 =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
        "right": 80}}, )";
const std::string kPort22 =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
        "right": 22}}, )";
const std::string kToBad =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
        "right": "@bad"}}, )";
const std::string kAccept = R"({"accept": null})", kDrop = R"({"drop": null})";

TEST(DoctorRuleset, APolicyDropsWhatNoRuleAccepts) {
  constexpr auto kEarly = CaptureStage::early, kLate = CaptureStage::late;
  const struct {
    const char* what;
    Chained chain;
    CaptureStage stage;
    std::size_t surely, perhaps;
  } rows[] = {
      {"an empty chain", {"input", 0, ""}, kLate, 1, 0},
      {"another port opened", {"input", 0, kPort22 + kAccept}, kLate, 1, 0},
      {"its port opened", {"input", 0, kPort22 + kAccept + ";" + kPort80 + kAccept}, kLate, 0, 0},
      {"behind lvsd", {"input", 0, ""}, kEarly, 0, 0},
      {"before lvsd", {"prerouting", -400, kPort22 + kAccept}, kEarly, 1, 0},
      {"opened to some",
       {"input", 0,
        R"({"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "cl"}}, )" +
            kPort80 + kAccept},
       kLate,
       0,
       0},
      {"a map of states",
       {"input", 0,
        R"({"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [
            ["established", {"accept": null}], ["related", {"accept": null}],
            ["invalid", {"drop": null}]]}}})"},
       kLate,
       1,
       0},
      {"a map of ports",
       {"input", 0,
        R"({"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}},
            "data": {"set": [[22, {"accept": null}], [80, {"accept": null}]]}}})"},
       kLate,
       0,
       0},
      {"what is not understood", {"input", 0, R"({"xt": null})"}, kLate, 0, 1},
      {"a chain that opens it",
       {"input", 0, R"({"jump": {"target": "zone"}})",
        R"({"chain": {"family": "ip", "table": "fw", "name": "zone"}},
           {"rule": {"family": "ip", "table": "fw", "chain": "zone", "handle": 4, "expr": [)" +
            kPort80 + kAccept + "]}},"},
       kLate,
       0,
       0},
      {"a chain that does not",
       {"input", 0, R"({"jump": {"target": "zone"}})",
        R"({"chain": {"family": "ip", "table": "fw", "name": "zone"}},
           {"rule": {"family": "ip", "table": "fw", "chain": "zone", "handle": 4, "expr": [)" +
            kPort22 + kAccept + "]}},"},
       kLate,
       1,
       0},
  };
  for (const auto& row : rows) {
    const RulesetView view = view_of(chained(row.chain), row.stage);
    EXPECT_EQ(shadows_of(view).size(), row.surely) << row.what;
    EXPECT_EQ(shadows_of(view, false).size(), row.perhaps) << row.what;
    for (const ShadowEvidence& shadow : view.shadows) {
      EXPECT_NE(shadow.rule.find("chain c"), std::string::npos) << shadow.rule;
      EXPECT_EQ(shadow.services, Strings{"web"});
    }
  }
}

TEST(DoctorRuleset, LooksIntoSets) {
  const auto with_set = [](const std::string& elements, const std::string& rule) {
    const std::string set = R"({"set": {"family": "ip", "table": "fw", "name": "bad",
                                        "type": "ipv4_addr", "handle": 3)" +
                            elements + "}},";
    return view_of(chained({"prerouting", -400, rule + ";" + kAccept, set}));
  };
  EXPECT_EQ(shadows_of(with_set(R"(, "elem": ["10.0.1.100"])", kToBad + kDrop)).size(), 1U);
  EXPECT_EQ(shadows_of(with_set(R"(, "elem": [{"elem": {"val": "10.0.1.100", "timeout": 9}}])",
                                kToBad + kDrop))
                .size(),
            1U);
  EXPECT_EQ(
      shadows_of(with_set(R"(, "elem": [{"range": ["10.0.1.0", "10.0.1.200"]}])", kToBad + kDrop))
          .size(),
      1U);
  EXPECT_TRUE(with_set(R"(, "elem": ["10.0.1.101"])", kToBad + kDrop).shadows.empty());
  EXPECT_TRUE(with_set("", kToBad + kDrop).shadows.empty()) << "an empty set";
  const std::string pair =
      R"({"match": {"op": "==", "left": {"concat": [
          {"payload": {"protocol": "ip", "field": "daddr"}},
          {"payload": {"protocol": "tcp", "field": "dport"}}]}, "right": "@bad"}}, )";
  EXPECT_EQ(
      shadows_of(with_set(R"(, "elem": [{"concat": ["10.0.1.100", 80]}])", pair + kDrop)).size(),
      1U);
  EXPECT_TRUE(
      with_set(R"(, "elem": [{"concat": ["10.0.1.100", 81]}])", pair + kDrop).shadows.empty());
}

TEST(DoctorRuleset, ASetThatIsNotToldCannotBeJudged) {
  const RulesetView view = view_of(chained({"prerouting", -400, kToBad + kDrop + ";" + kAccept}));
  EXPECT_TRUE(shadows_of(view).empty());
  EXPECT_EQ(shadows_of(view, false).size(), 1U);
}

TEST(DoctorRuleset, CountsRulesToItsOwnQueuesOnly) {
  const auto captured = [](const std::string& port, const std::string& number) {
    const Config config = with_service();
    const std::string text = R"({"nftables": [
      {"table": {"family": "inet", "name": "mine", "handle": 5}},
      {"chain": {"family": "inet", "table": "mine", "name": "p", "hook": "prerouting",
                 "prio": -300}},
      {"rule": {"family": "inet", "table": "mine", "chain": "p", "handle": 1, "expr": [)" +
                             port + R"({"queue": )" + number + "}]}}]}";
    const auto view = view_ruleset(text, {config, {4, 5}});
    EXPECT_TRUE(view) << view.error().message;
    return view->captured.size();
  };
  EXPECT_EQ(captured(kPort80, R"({"num": 4, "flags": "bypass"})"), 1U);
  EXPECT_EQ(captured(kPort80, R"({"num": {"range": [2, 4]}})"), 1U);
  EXPECT_EQ(captured(kPort80, R"({"num": {"range": [1, 3]}})"), 0U);
  EXPECT_EQ(captured(kPort80, R"({"num": 77})"), 0U);
  EXPECT_EQ(captured(kPort22, R"({"num": 4})"), 0U) << "another service";
}

TEST(DoctorRuleset, ReadsPoliciesOfIptables) {
  Config config = with_service();
  const auto seen = [&config](const std::string& rules, CaptureStage stage) {
    config.startup.stage = stage;
    return shadows_of(view_saved_rules(rules, true, {config, {0}}, "iptables"));
  };
  constexpr auto kEarly = CaptureStage::early, kLate = CaptureStage::late;
  const std::string policy = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:zone - [0:0]\n";
  EXPECT_EQ(seen(policy, kLate), Strings{"iptables, table filter: -P INPUT DROP"});
  EXPECT_TRUE(seen(policy, kEarly).empty());
  EXPECT_EQ(seen(policy + "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", kLate).size(), 1U);
  EXPECT_TRUE(seen(policy + "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n", kLate).empty());
  const std::string jump = policy + "-A INPUT -j zone\n-A zone -p tcp -m tcp --dport ";
  EXPECT_TRUE(seen(jump + "80 -j ACCEPT\n", kLate).empty());
  EXPECT_EQ(seen(jump + "22 -j ACCEPT\n", kLate).size(), 1U);
  const std::string raw = "*raw\n:PREROUTING DROP [0:0]\n:LVSD - [0:0]\n";
  EXPECT_TRUE(seen(raw + "-A PREROUTING -j LVSD\n", kEarly).empty()) << "it has them first";
}

TEST(DoctorRuleset, NonsenseIsAnError) {
  const Config config;
  const Sought sought{config, {}};
  const std::string text = ruleset("prerouting", -400, R"({"drop": null})");
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(view_ruleset(std::string_view(text).substr(0, length), sought)) << length;
  }
  EXPECT_FALSE(view_ruleset("[]", sought));
  EXPECT_FALSE(view_ruleset(R"({"nftables": [{"table": 3}]})", sought));
}

}  // namespace
}  // namespace lvsd::doctor
