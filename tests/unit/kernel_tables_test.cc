// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/kernel_tables.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

constexpr InterfaceIndex kEth{2};
const IpAddress kPeer(10, 0, 0, 2);
const Mac kMac({2, 0, 0, 0, 0, 2}), kOtherMac({2, 0, 0, 0, 0, 3});

LinkMessage link(bool up = true) {
  LinkMessage message;
  message.link.index = kEth;
  message.link.name = "eth0";
  message.link.mac = Mac({2, 0, 0, 0, 0, 1});
  message.link.up = up;
  return message;
}
NeighborMessage neighbor(bool known, const Mac& mac = kMac) {
  NeighborMessage message;
  message.neighbor = {.address = kPeer, .interface = kEth, .mac = known ? mac : Mac()};
  message.known = known;
  return message;
}
RouteMessage route(const char* to, std::uint32_t table = 254) {
  RouteMessage message;
  message.route.to = *Prefix::parse(to);
  message.route.interface = kEth;
  message.route.table = table;
  return message;
}
RuleMessage rule(std::uint32_t priority, std::uint32_t table, bool v4) {
  RuleMessage message;
  message.rule.priority = priority;
  message.rule.table = table;
  message.rule.v4 = v4;
  message.rule.v6 = !v4;
  return message;
}

TEST(KernelTables, NeighborChangesOnlyWhenItsMacDoes) {
  KernelTables tables;
  EXPECT_TRUE(tables.notice(neighbor(true)).changed);
  EXPECT_EQ(tables.network()->neighbor(kEth, kPeer), kMac);
  EXPECT_FALSE(tables.notice(neighbor(true)).changed);  // REACHABLE to STALE, say
  EXPECT_TRUE(tables.notice(neighbor(true, kOtherMac)).changed);
  EXPECT_EQ(tables.network()->neighbor(kEth, kPeer), kOtherMac);
  EXPECT_TRUE(tables.notice(neighbor(false)).changed);  // FAILED, or removed
  EXPECT_FALSE(tables.notice(neighbor(false)).changed);
  EXPECT_FALSE(tables.network()->neighbor(kEth, kPeer));
}

TEST(KernelTables, LinkGoingDownMakesItsRoutesStale) {
  KernelTables tables;
  EXPECT_TRUE(tables.notice(link()).changed);
  EXPECT_FALSE(tables.notice(link()).changed);
  const KernelTables::Effect down = tables.notice(link(false));
  EXPECT_TRUE(down.changed);
  EXPECT_TRUE(contains(down.stale, KernelTable::routes));
  EXPECT_TRUE(contains(down.stale, KernelTable::addresses));
  EXPECT_FALSE(tables.network()->interface(kEth)->up);
  LinkMessage renamed = link(false);
  renamed.link.name = "eth1";
  const KernelTables::Effect named = tables.notice(renamed);
  EXPECT_TRUE(named.changed);
  EXPECT_EQ(named.stale, 0);
}

TEST(KernelTables, NeighborsGoWithTheirLink) {
  KernelTables tables;
  tables.notice(link());
  tables.notice(neighbor(true));
  LinkMessage gone = link();
  gone.removed = true;
  EXPECT_TRUE(tables.notice(gone).changed);
  EXPECT_FALSE(tables.notice(gone).changed);
  EXPECT_TRUE(tables.network()->neighbors().empty());
  EXPECT_TRUE(tables.network()->interfaces().empty());
}

TEST(KernelTables, AddressesRoutesAndRulesAreDumpedAnew) {
  KernelTables tables;
  EXPECT_EQ(tables.notice(AddressMessage{}).stale, KernelTable::addresses | KernelTable::routes);
  EXPECT_TRUE(contains(tables.notice(route("10.0.0.0/8")).stale, KernelTable::routes));
  EXPECT_TRUE(contains(tables.notice(RuleMessage{}).stale, KernelTable::rules));
  EXPECT_FALSE(tables.notice(NetlinkOther{}).changed);
  EXPECT_EQ(tables.notice(NetlinkOther{}).stale, 0);
}

TEST(KernelTables, DumpReplacesTheTableAndSaysWhetherItDiffers) {
  KernelTables tables;
  tables.replace(KernelTable::links, {link()});
  RouteMessage broadcast = route("10.0.0.255/32");
  broadcast.applies = false;
  EXPECT_TRUE(tables.replace(KernelTable::routes, {route("10.0.0.0/24"), broadcast}));
  EXPECT_FALSE(tables.replace(KernelTable::routes, {route("10.0.0.0/24")}));
  EXPECT_TRUE(tables.network()->route(kPeer));
  EXPECT_TRUE(tables.replace(KernelTable::routes, {}));
  EXPECT_FALSE(tables.network()->route(kPeer));
  AddressMessage own, tentative;
  own.interface = tentative.interface = kEth;
  own.address = {IpAddress(10, 0, 0, 1), 24};
  tentative.address = {*IpAddress::parse("2001:db8::1"), 64};
  tentative.usable = false;
  EXPECT_TRUE(tables.replace(KernelTable::addresses, {own, tentative}));
  ASSERT_EQ(tables.network()->interface(kEth)->addresses.size(), 1U);
  // The address does not bring back the connected route, which somebody deleted.
  EXPECT_FALSE(tables.network()->route(kPeer));
  EXPECT_TRUE(tables.replace(KernelTable::neighbors, {neighbor(true), neighbor(false)}));
  EXPECT_EQ(tables.network()->neighbors().size(), 1U);
}

TEST(KernelTables, InitialRulesAreTheModelsDefault) {
  KernelTables initial, same;
  same.replace(KernelTable::rules,
               {rule(0, 255, true), rule(32766, 254, true), rule(32767, 253, true),
                rule(0, 255, false), rule(32766, 254, false)});
  EXPECT_EQ(initial.network()->rules(), same.network()->rules());
  EXPECT_EQ(same.network()->rules().size(), 3U);
}

TEST(KernelTables, RulesOfOneFamilyDoNotServeTheOther) {
  KernelTables tables;
  tables.replace(KernelTable::rules, {rule(10, 1000, true), rule(20, 2000, false)});
  tables.replace(KernelTable::routes,
                 {route("0.0.0.0/0", 1000), route("::/0", 1000), route("0.0.0.0/0", 2000)});
  EXPECT_TRUE(tables.network()->route(kPeer));
  EXPECT_FALSE(tables.network()->route(*IpAddress::parse("2001:db8::1")));
}

TEST(KernelTables, SuppressedDefaultRouteLeavesTheNextRule) {
  KernelTables tables;
  RuleMessage first = rule(10, 254, true);
  first.rule.suppress_length = 0;
  tables.replace(KernelTable::rules, {first, rule(20, 1000, true)});
  RouteMessage other = route("0.0.0.0/0", 1000);
  other.route.interface = InterfaceIndex{9};
  tables.replace(KernelTable::routes, {route("0.0.0.0/0"), route("10.0.0.0/24"), other});
  EXPECT_EQ(tables.network()->route(kPeer)->interface, kEth);
  EXPECT_EQ(tables.network()->route(IpAddress(192, 0, 2, 1))->interface, InterfaceIndex{9});
}

TEST(KernelTables, RuleThatRefusesAndRuleThatIsInverted) {
  KernelTables tables;
  RuleMessage refuse = rule(10, 0, true);
  refuse.rule.to = Prefix::parse("10.0.0.0/8");
  refuse.rule.inverted = true;
  refuse.rule.answer = RouteKind::unreachable;
  tables.replace(KernelTable::rules, {refuse, rule(20, 254, true)});
  tables.replace(KernelTable::routes, {route("0.0.0.0/0")});
  EXPECT_EQ(tables.network()->route(kPeer)->kind, RouteKind::unicast);
  EXPECT_EQ(tables.network()->route(IpAddress(192, 0, 2, 1))->kind, RouteKind::unreachable);
}

TEST(KernelTables, WithoutAnyRuleNothingIsReachable) {
  KernelTables tables;
  tables.replace(KernelTable::rules, {});
  tables.replace(KernelTable::routes, {route("0.0.0.0/0")});
  EXPECT_EQ(tables.network()->route(kPeer)->kind, RouteKind::unreachable);
}

}  // namespace
}  // namespace lvsd
