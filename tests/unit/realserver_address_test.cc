// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses of the host: which one a role is for, and what undo gives back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "lvsd/realserver/held_address.h"
#include "lvsd/realserver/own_address.h"
#include "lvsd/realserver/state.h"
#include "unit/realserver_network.h"

namespace lvsd::realserver {
namespace {

struct Question {
  Network::Parts parts;
  Role role{"web", ip("10.0.1.104"), {}, Masquerade{}};
  std::vector<IpAddress> directors;

  Question() {
    parts.interfaces = {ethernet(2, "eth0", {{ip("10.0.2.66"), 24}, {ip("fe80::1"), 64}}),
                        ethernet(3, "eth1", {{ip("10.0.1.66"), 24}, {ip("fd00:1::66"), 64}})};
  }
  void route(std::string_view to, std::string_view via, std::uint32_t interface) {
    parts.routes.push_back(
        {*Prefix::parse(to), RouteKind::unicast, ip(via), InterfaceIndex{interface}, std::nullopt});
  }
  std::string answer() const {
    const auto own = own_address(Network(parts), role, directors, {role.vip});
    return own ? to_string(*own) : own.error().message;
  }
};
constexpr const char* kEither =
    "which address of this host is the destination: 10.0.2.66 (eth0), 10.0.1.66 (eth1)? "
    "Say so with --address";

TEST(OwnAddress, IsTheOneTowardsTheDirectorElseTheGateway) {
  Question question;
  EXPECT_EQ(question.answer(), kEither);
  question.directors = {ip("10.0.9.1")};
  EXPECT_EQ(question.answer(), kEither) << "no route to it";
  question.directors = {ip("fd00:1::1"), ip("10.0.1.1")};
  EXPECT_EQ(question.answer(), "10.0.1.66");
  question.directors = {ip("10.0.2.1")};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  question.directors.clear();
  question.route("0.0.0.0/0", "10.0.1.254", 3);
  EXPECT_EQ(question.answer(), "10.0.1.66");
  question.directors = {ip("10.0.2.66")};
  EXPECT_EQ(question.answer(), kEither) << "the director is this host";
}

TEST(OwnAddress, OfSeveralOnOneNetworkIsAskedForWhereItMatters) {
  Question question;
  question.parts.interfaces[1].addresses = {{ip("10.0.2.67"), 24}};
  question.directors = {ip("10.0.2.1")};
  EXPECT_NE(question.answer().find("10.0.2.66 (eth0), 10.0.2.67 (eth1)?"), std::string::npos);
  question.role.method = DirectRouting{};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  question.parts.interfaces[0].addresses.push_back({question.role.vip, 32});
  EXPECT_EQ(question.answer(), "10.0.2.66") << "the VIP itself is none";
}

TEST(OwnAddress, OfATunnelIsOfTheDirectorsFamily) {
  Question question;
  question.role.vip = ip("fd00:9::1");
  question.directors = {ip("10.0.2.1")};
  EXPECT_EQ(question.answer(), "fd00:1::66") << "the only one";
  question.role.method = Tunnel{};
  EXPECT_EQ(question.answer(), "10.0.2.66");
  Interface device{.index = InterfaceIndex{9}, .name = kTunnelDevice, .mac = {}, .addresses = {}};
  device.addresses = {{ip("10.0.3.9"), 32}};
  question.parts.interfaces = {question.parts.interfaces[0], device};
  question.directors.clear();
  question.parts.interfaces[0].addresses.push_back({ip("10.0.9.66"), 24});
  question.role.vip = ip("10.0.3.8");
  EXPECT_EQ(question.answer(), "10.0.2.66") << "not what a decapsulator serves";
  question.role.vip = ip("fd00:9::1");
  EXPECT_EQ(question.answer(), "this host has no IPv6 address that could be the destination");
}

// As iproute2 6.1 prints it, shortened.
constexpr std::string_view kShown = R"([
 {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8,
   "scope": "host", "label": "lo", "valid_life_time": 4294967295,
   "preferred_life_time": 4294967295}]},
 {}, {"ifname": "eth0", "addr_info": [
  {"family": "inet", "local": "10.0.2.101", "prefixlen": 32, "scope": "link", "label": "eth0"},
  {"family": "inet", "local": "10.0.2.11", "prefixlen": 24, "scope": "global", "label": "eth0"},
  {"family": "inet", "local": "10.0.2.100", "prefixlen": 32, "scope": "global", "dynamic": true,
   "label": "eth0:0", "valid_life_time": 3000, "preferred_life_time": 2000},
  {"family": "inet", "local": "10.0.2.102", "prefixlen": 32, "metric": 50,
   "broadcast": "10.0.2.255", "scope": "global", "noprefixroute": true, "label": "eth0"},
  {"family": "inet", "local": "10.0.2.103", "address": "10.0.2.1", "prefixlen": 32,
   "scope": "200", "label": "eth0"},
  {"family": "inet", "local": "10.0.2.12", "prefixlen": 24, "scope": "global", "secondary": true,
   "label": "eth0"},
  {"family": "inet6", "local": "fd00:2::4", "prefixlen": 128, "scope": "global", "home": true,
   "valid_life_time": 4294967295, "preferred_life_time": 0},
  {"family": "inet6", "local": "fd00:2::11", "prefixlen": 64, "scope": "global", "nodad": true},
  {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"}]}])";

std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<HeldAddress> shown() {
  auto all = parse_addresses(kShown);
  EXPECT_TRUE(all) << all.error().message;
  return *all;
}

const HeldAddress& find(const std::vector<HeldAddress>& all, std::string_view address) {
  return *std::find_if(all.begin(), all.end(),
                       [&](const HeldAddress& one) { return one.address == ip(address); });
}

TEST(HeldAddress, HasAllThatGivesItBack) {
  struct Row {
    const char *address, *name, *rest;
  };
  const auto all = shown();
  for (const Row& row :
       {Row{"127.0.0.1", "127.0.0.1/8", "scope host"}, Row{"10.0.2.11", "10.0.2.11/24", ""},
        Row{"10.0.2.101", "10.0.2.101/32", "scope link"},
        Row{"10.0.2.100", "10.0.2.100/32", "label eth0:0 valid_lft 3000 preferred_lft 2000"},
        Row{"10.0.2.102", "10.0.2.102/32", "broadcast 10.0.2.255 metric 50 noprefixroute"},
        Row{"10.0.2.103", "10.0.2.103 peer 10.0.2.1/32", "scope 200"},
        Row{"fd00:2::4", "fd00:2::4/128", "home valid_lft forever preferred_lft 0"},
        Row{"fd00:2::11", "fd00:2::11/64", "nodad"}, Row{"fe80::1", "fe80::1/64", ""}}) {
    EXPECT_EQ(text_of(find(all, row.address).name), row.name);
    EXPECT_EQ(text_of(find(all, row.address).rest), row.rest) << row.name;
  }
}

TEST(HeldAddress, RefusesEveryPrefixAndNonsense) {
  for (std::size_t length = 0; length + 1 < kShown.size(); ++length) {
    EXPECT_FALSE(parse_addresses(kShown.substr(0, length))) << length;
  }
  for (
      const char* text :
      {R"([{"ifname": 1, "addr_info": [{"family": "inet", "local": "10.0.0.1", "prefixlen": 8}]}])",
       R"([{"ifname": "a", "addr_info": [{"family": "inet", "local": "x", "prefixlen": 8}]}])",
       R"([{"ifname": "a", "addr_info": [{"family": "inet", "local": "10.0.0.1"}]}])",
       R"([{"ifname": "a", "addr_info": [{"family": "inet", "local": "10.0.0.1", "prefixlen": 8,
             "scope": "near"}]}])"}) {
    EXPECT_FALSE(parse_addresses(text)) << text;
  }
  EXPECT_TRUE(parse_addresses("[]")->empty());
}

TEST(HeldAddress, KnowsWhichOnesANewOneOvertakes) {
  const auto all = shown();
  const auto overtaken = [&all](std::string_view address) {
    std::vector<std::string> names;
    for (const auto& one : overtaken_by(all, find(all, address))) names.push_back(one.name[0]);
    return text_of(names);
  };
  EXPECT_EQ(overtaken("10.0.2.100"), "10.0.2.102/32 10.0.2.103");
  EXPECT_EQ(overtaken("10.0.2.103"), "") << "secondary ones come last anyway";
  EXPECT_EQ(overtaken("10.0.2.101"), "") << "of a smaller range: they come first";
  EXPECT_EQ(overtaken("fd00:2::4"), "");
  EXPECT_EQ(overtaken("fd00:2::11"), "fd00:2::4/128");
}

struct Mover {
  Network::Parts parts;
  HostFacts facts;
  Wanted wanted;

  Mover() {
    parts.interfaces = {ethernet(2, "eth0", {})};
    facts.addresses = shown();
    for (const HeldAddress& one : facts.addresses) {
      if (one.device == "eth0") parts.interfaces[0].addresses.push_back({one.address, one.length});
    }
  }
  void role(std::string_view vip) {
    wanted.roles.push_back({"web", ip(vip), ip("10.0.2.11"), DirectRouting{}});
  }
  Plan plan() const { return *make_plan(wanted, Network(parts), facts); }
};

TEST(MovedAddress, IsGivenBackAsItWas) {
  Mover mover;
  mover.role("10.0.2.100");
  const Plan plan = mover.plan();
  const Step& step = plan.steps.back();
  EXPECT_EQ(command_text(step), "ip addr del 10.0.2.100/32 dev eth0");
  EXPECT_EQ(text_of(step.undo),
            "ip addr add 10.0.2.100/32 dev eth0 label eth0:0 valid_lft 3000 preferred_lft 2000");
  EXPECT_EQ(step.before, "eth0 10.0.2.102\neth0 10.0.2.103\n");
  ASSERT_EQ(plan.notes.size(), 2U);
  EXPECT_NE(plan.notes[0].find("for as long as it would have from now on"), std::string::npos);
  EXPECT_NE(plan.notes[1].find("behind 10.0.2.102, 10.0.2.103: the kernel"), std::string::npos);
}

TEST(MovedAddress, HasNoNoteOfOthersThatAreMovedToo) {
  Mover mover;
  for (const char* vip : {"10.0.2.102", "10.0.2.103"}) mover.role(vip);
  EXPECT_TRUE(mover.plan().notes.empty());
  EXPECT_EQ(command_text(mover.plan().steps.back()),
            "ip addr del 10.0.2.103 peer 10.0.2.1/32 dev eth0");
}

TEST(MovedAddress, StaysWhereOthersWouldGoWithIt) {
  Mover mover;
  mover.role("10.0.2.103");
  HeldAddress other = find(mover.facts.addresses, "10.0.2.103");
  other.name[0] = "10.0.2.104";
  other.secondary = true;
  mover.facts.addresses.push_back(other);
  const Plan plan = mover.plan();
  EXPECT_EQ(command_text(plan.steps.back()), "ip addr add 10.0.2.103/32 dev lo");
  EXPECT_NE(plan.notes.at(0).find("cannot be taken away"), std::string::npos);
}

// Each in a run of its own; what the record has last is undone first.
TEST(MovedAddress, GoesBackBeforeThoseThatStoodBehindIt) {
  namespace fs = std::filesystem;
  const fs::path file =
      fs::path(testing::TempDir()) / ("lvsd-moved-" + std::to_string(getpid()) + ".json");
  State state(file.string());
  const auto add = [&state](const char* what, const char* before) {
    Step step;
    step.what = what;
    step.before = before;
    step.apply = step.undo = {"ip"};
    return *state.add(step);
  };
  EXPECT_EQ(add("eth0 A", "eth0 B\neth0 C\n"), 0U);
  EXPECT_EQ(add("", ""), 1U);
  EXPECT_EQ(add("eth0 B", "eth0 C\n"), 1U);
  EXPECT_EQ(add("eth1 C", ""), 3U) << "of another interface";
  EXPECT_EQ(add("eth0 C", ""), 2U);
  std::string order;
  for (const Step& step : state.steps()) order += step.what + ";";
  EXPECT_EQ(order, ";eth1 C;eth0 C;eth0 B;eth0 A;");
  fs::remove(file);
}

}  // namespace
}  // namespace lvsd::realserver
