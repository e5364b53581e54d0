// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/rtnetlink.h"

#include <gtest/gtest.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <random>

#include "netlink_bytes.h"

namespace lvsd {
namespace {

using testing::NetlinkBytes;

std::optional<NetlinkValue> parse(const std::vector<std::byte>& bytes) {
  NetlinkReader reader(bytes);
  const std::optional<NetlinkMessage> message = reader.next();
  if (!message) return std::nullopt;
  return parse_netlink(*message);
}

template <class T>
T parse_as(const NetlinkBytes& message) {
  const std::optional<NetlinkValue> value = parse(message.bytes());
  EXPECT_TRUE(value && std::holds_alternative<T>(*value));
  return value && std::holds_alternative<T>(*value) ? std::get<T>(*value) : T{};
}

ifinfomsg link_header(unsigned flags, unsigned short type = ARPHRD_ETHER) {
  ifinfomsg header{};
  header.ifi_index = 7;
  header.ifi_type = type;
  header.ifi_flags = flags;
  return header;
}
NetlinkBytes link(unsigned flags, unsigned short type = ARPHRD_ETHER) {
  NetlinkBytes message(RTM_NEWLINK, link_header(flags, type));
  message.text(IFLA_IFNAME, "eth7").mac(IFLA_ADDRESS, "02:00:00:00:00:07").number(IFLA_MTU, 9000);
  return message;
}

ifaddrmsg address_header(unsigned char family, unsigned char length, unsigned char flags = 0) {
  ifaddrmsg header{};
  header.ifa_family = family;
  header.ifa_prefixlen = length;
  header.ifa_flags = flags;
  header.ifa_index = 7;
  return header;
}

rtmsg route_header(unsigned char length, unsigned char type = RTN_UNICAST,
                   unsigned char family = AF_INET) {
  rtmsg header{};
  header.rtm_family = family;
  header.rtm_dst_len = length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_type = type;
  return header;
}
NetlinkBytes route(unsigned char length, unsigned char type = RTN_UNICAST) {
  NetlinkBytes message(RTM_NEWROUTE, route_header(length, type));
  message.address(RTA_DST, "10.1.0.0").address(RTA_GATEWAY, "10.0.0.2").number(RTA_OIF, 7);
  return message;
}

fib_rule_hdr rule_header(unsigned char action = FR_ACT_TO_TBL, std::uint32_t flags = 0) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.table = 254;
  header.action = action;
  header.flags = flags;
  return header;
}

ndmsg neighbor_header(std::uint16_t state, std::uint8_t flags = 0, std::uint8_t family = AF_INET) {
  ndmsg header{};
  header.ndm_family = family;
  header.ndm_ifindex = 7;
  header.ndm_state = state;
  header.ndm_flags = flags;
  return header;
}
NetlinkBytes neighbor(std::uint16_t state, std::uint8_t flags = 0) {
  NetlinkBytes message(RTM_NEWNEIGH, neighbor_header(state, flags));
  message.address(NDA_DST, "10.0.0.2").mac(NDA_LLADDR, "02:00:00:00:00:02");
  return message;
}

constexpr unsigned kUp = IFF_UP | IFF_RUNNING;

TEST(Rtnetlink, Link) {
  const LinkMessage message = parse_as<LinkMessage>(link(kUp));
  EXPECT_FALSE(message.removed);
  EXPECT_EQ(message.link.index, InterfaceIndex{7});
  EXPECT_EQ(message.link.name, "eth7");
  EXPECT_EQ(message.link.mtu, 9000U);
  EXPECT_EQ(message.link.mac, Mac::parse("02:00:00:00:00:07"));
  EXPECT_TRUE(message.link.up);
  EXPECT_FALSE(message.link.loopback);
}

TEST(Rtnetlink, LinkIsUpOnlyWhenRunning) {
  EXPECT_FALSE(parse_as<LinkMessage>(link(IFF_UP)).link.up);
  EXPECT_FALSE(parse_as<LinkMessage>(link(IFF_RUNNING)).link.up);
}

TEST(Rtnetlink, LinkWithoutResolutionHasNoMac) {
  EXPECT_FALSE(parse_as<LinkMessage>(link(kUp | IFF_NOARP)).link.mac);
  EXPECT_FALSE(parse_as<LinkMessage>(link(kUp, ARPHRD_NONE)).link.mac);
  const LinkMessage loopback = parse_as<LinkMessage>(link(kUp | IFF_LOOPBACK, ARPHRD_LOOPBACK));
  EXPECT_FALSE(loopback.link.mac);
  EXPECT_TRUE(loopback.link.loopback);
  NetlinkBytes zero(RTM_NEWLINK, link_header(kUp));
  zero.text(IFLA_IFNAME, "eth7").mac(IFLA_ADDRESS, "00:00:00:00:00:00");
  EXPECT_FALSE(parse_as<LinkMessage>(zero).link.mac);
}

TEST(Rtnetlink, BridgeMessagesAreNoLinks) {
  ifinfomsg header = link_header(kUp);
  header.ifi_family = AF_BRIDGE;
  NetlinkBytes message(RTM_DELLINK, header);
  parse_as<NetlinkOther>(message.text(IFLA_IFNAME, "eth7"));
}

TEST(Rtnetlink, Address) {
  NetlinkBytes message(RTM_NEWADDR, address_header(AF_INET, 24));
  message.address(IFA_ADDRESS, "10.0.0.1").address(IFA_LOCAL, "10.0.0.1");
  const AddressMessage parsed = parse_as<AddressMessage>(message);
  EXPECT_EQ(parsed.interface, InterfaceIndex{7});
  EXPECT_EQ(parsed.address, (InterfaceAddress{IpAddress(10, 0, 0, 1), 24}));
  EXPECT_TRUE(parsed.usable);
}

TEST(Rtnetlink, PointToPointAddressIsOurEnd) {
  NetlinkBytes message(RTM_NEWADDR, address_header(AF_INET, 24));
  message.address(IFA_ADDRESS, "10.0.0.2").address(IFA_LOCAL, "192.0.2.1");
  EXPECT_EQ(parse_as<AddressMessage>(message).address,
            (InterfaceAddress{IpAddress(192, 0, 2, 1), 32}));
}

TEST(Rtnetlink, TentativeAddressIsNotUsable) {
  NetlinkBytes tentative(RTM_NEWADDR, address_header(AF_INET6, 64, IFA_F_TENTATIVE));
  tentative.address(IFA_ADDRESS, "2001:db8::1");
  EXPECT_FALSE(parse_as<AddressMessage>(tentative).usable);
  tentative.number(IFA_FLAGS, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC);  // wins over the header's
  EXPECT_TRUE(parse_as<AddressMessage>(tentative).usable);
  tentative.number(IFA_FLAGS, IFA_F_DADFAILED);
  EXPECT_FALSE(parse_as<AddressMessage>(tentative).usable);
}

TEST(Rtnetlink, Route) {
  NetlinkBytes message = route(16);
  const NetlinkBytes metrics =
      NetlinkBytes(0, nlmsghdr{}).number(RTAX_HOPLIMIT, 3).number(RTAX_MTU, 1400);
  const std::vector<std::byte> raw = metrics.bytes();
  message.number(RTA_TABLE, 1000).number(RTA_PRIORITY, 50).address(RTA_PREFSRC, "10.0.0.1");
  message.attribute(RTA_METRICS, raw.data() + metrics.header_size(),
                    raw.size() - metrics.header_size());
  const RouteMessage parsed = parse_as<RouteMessage>(message);
  EXPECT_TRUE(parsed.applies);
  EXPECT_EQ(to_string(parsed.route.to), "10.1.0.0/16");
  EXPECT_EQ(parsed.route.kind, RouteKind::unicast);
  EXPECT_EQ(parsed.route.via, IpAddress(10, 0, 0, 2));
  EXPECT_EQ(parsed.route.interface, InterfaceIndex{7});
  EXPECT_EQ(parsed.route.source, IpAddress(10, 0, 0, 1));
  EXPECT_EQ(parsed.route.table, 1000U);
  EXPECT_EQ(parsed.route.metric, 50U);
  EXPECT_EQ(parsed.route.mtu, 1400U);
}

TEST(Rtnetlink, DefaultRouteHasNoDestination) {
  NetlinkBytes v4(RTM_NEWROUTE, route_header(0));
  EXPECT_EQ(to_string(parse_as<RouteMessage>(v4.number(RTA_OIF, 7)).route.to), "0.0.0.0/0");
  NetlinkBytes v6(RTM_NEWROUTE, route_header(0, RTN_UNICAST, AF_INET6));
  EXPECT_EQ(to_string(parse_as<RouteMessage>(v6.number(RTA_OIF, 7)).route.to), "::/0");
}

TEST(Rtnetlink, RouteKinds) {
  const auto kind = [](unsigned char type) {
    return parse_as<RouteMessage>(route(16, type)).route.kind;
  };
  EXPECT_EQ(kind(RTN_LOCAL), RouteKind::local);
  EXPECT_EQ(kind(RTN_ANYCAST), RouteKind::local);
  EXPECT_EQ(kind(RTN_BLACKHOLE), RouteKind::unreachable);
  EXPECT_EQ(kind(RTN_UNREACHABLE), RouteKind::unreachable);
  EXPECT_EQ(kind(RTN_PROHIBIT), RouteKind::unreachable);
  EXPECT_EQ(kind(RTN_THROW), RouteKind::kernel);
  EXPECT_FALSE(parse_as<RouteMessage>(route(16, RTN_BROADCAST)).applies);
  EXPECT_FALSE(parse_as<RouteMessage>(route(16, RTN_MULTICAST)).applies);
}

TEST(Rtnetlink, RoutesBeyondTheModelAreTheKernels) {
  const rtnexthop hop{
      .rtnh_len = sizeof(rtnexthop), .rtnh_flags = 0, .rtnh_hops = 0, .rtnh_ifindex = 9};
  NetlinkBytes several(RTM_NEWROUTE, route_header(16));
  several.address(RTA_DST, "10.1.0.0").attribute(RTA_MULTIPATH, &hop, sizeof(hop));
  EXPECT_EQ(parse_as<RouteMessage>(several).route.kind, RouteKind::kernel);
  EXPECT_EQ(parse_as<RouteMessage>(several).route.interface, InterfaceIndex{9});
  EXPECT_EQ(parse_as<RouteMessage>(route(16).number(RTA_ENCAP_TYPE, 1)).route.kind,
            RouteKind::kernel);
  // A next-hop object with its hop spelled out is a plain route; alone it hides the hop.
  EXPECT_EQ(parse_as<RouteMessage>(route(16).number(RTA_NH_ID, 1)).route.kind, RouteKind::unicast);
  NetlinkBytes hidden(RTM_NEWROUTE, route_header(16));
  hidden.address(RTA_DST, "10.1.0.0").number(RTA_NH_ID, 1);
  EXPECT_EQ(parse_as<RouteMessage>(hidden).route.kind, RouteKind::kernel);
  rtmsg by_source = route_header(64, RTN_UNICAST, AF_INET6);
  by_source.rtm_src_len = 64;
  NetlinkBytes subtree(RTM_NEWROUTE, by_source);
  subtree.address(RTA_DST, "2001:db8::").number(RTA_OIF, 7);
  EXPECT_EQ(parse_as<RouteMessage>(subtree).route.kind, RouteKind::kernel);
}

TEST(Rtnetlink, RouteWithGatewayOfTheOtherFamily) {
  std::vector<std::byte> via(2);
  const std::uint16_t family = AF_INET6;
  std::memcpy(via.data(), &family, sizeof(family));
  const IpAddress gateway = *IpAddress::parse("fe80::1");
  for (const std::uint8_t byte : gateway.bytes()) via.push_back(std::byte{byte});
  NetlinkBytes message(RTM_NEWROUTE, route_header(16));
  message.address(RTA_DST, "10.1.0.0")
      .number(RTA_OIF, 7)
      .attribute(RTA_VIA, via.data(), via.size());
  EXPECT_EQ(parse_as<RouteMessage>(message).route.via, gateway);
}

TEST(Rtnetlink, DeadAndTosRoutesDoNotApply) {
  rtmsg dead = route_header(16);
  dead.rtm_flags = RTNH_F_DEAD;
  EXPECT_FALSE(parse_as<RouteMessage>(NetlinkBytes(RTM_NEWROUTE, dead)).applies);
  rtmsg tos = route_header(16);
  tos.rtm_tos = 0x10;
  EXPECT_FALSE(parse_as<RouteMessage>(NetlinkBytes(RTM_NEWROUTE, tos)).applies);
}

TEST(Rtnetlink, Rule) {
  fib_rule_hdr header = rule_header();
  header.src_len = 24;
  header.dst_len = 8;
  NetlinkBytes message(RTM_NEWRULE, header);
  message.number(FRA_PRIORITY, 100).number(FRA_TABLE, 1000).address(FRA_SRC, "10.0.0.0");
  message.address(FRA_DST, "192.0.0.0").number(FRA_SUPPRESS_PREFIXLEN, ~0U);
  const RuleMessage parsed = parse_as<RuleMessage>(message);
  EXPECT_TRUE(parsed.applies);
  EXPECT_EQ(parsed.rule.priority, 100U);
  EXPECT_EQ(parsed.rule.table, 1000U);
  EXPECT_EQ(to_string(*parsed.rule.from), "10.0.0.0/24");
  EXPECT_EQ(to_string(*parsed.rule.to), "192.0.0.0/8");
  EXPECT_TRUE(parsed.rule.v4);
  EXPECT_FALSE(parsed.rule.v6);
  EXPECT_FALSE(parsed.rule.suppress_length);
  EXPECT_FALSE(parsed.rule.answer);
}

// What wg-quick sets up: everything without its mark goes to its table, but for what the main table
// knows better than by its default route.
TEST(Rtnetlink, RulesOfWireguard) {
  NetlinkBytes marked(RTM_NEWRULE, rule_header(FR_ACT_TO_TBL, FIB_RULE_INVERT));
  marked.number(FRA_FWMARK, 51820).number(FRA_FWMASK, ~0U).number(FRA_TABLE, 51820);
  const RuleMessage parsed = parse_as<RuleMessage>(marked);
  EXPECT_TRUE(parsed.applies);
  EXPECT_FALSE(parsed.rule.inverted);
  EXPECT_EQ(parsed.rule.table, 51820U);
  NetlinkBytes main(RTM_NEWRULE, rule_header());
  EXPECT_EQ(parse_as<RuleMessage>(main.number(FRA_SUPPRESS_PREFIXLEN, 0)).rule.suppress_length,
            std::uint8_t{0});
}

TEST(Rtnetlink, SelectorsThatOurLookupsNeverMeet) {
  const auto applies = [](NetlinkBytes message) { return parse_as<RuleMessage>(message).applies; };
  const NetlinkBytes plain(RTM_NEWRULE, rule_header());
  EXPECT_TRUE(applies(plain));
  EXPECT_FALSE(applies(NetlinkBytes(plain).text(FRA_IIFNAME, "eth0")));
  EXPECT_TRUE(applies(NetlinkBytes(plain).text(FRA_IIFNAME, "lo")));
  EXPECT_FALSE(applies(NetlinkBytes(plain).text(FRA_OIFNAME, "eth0")));
  EXPECT_FALSE(applies(NetlinkBytes(plain).number(FRA_FWMARK, 1)));
  EXPECT_FALSE(applies(NetlinkBytes(plain).number(FRA_FWMARK, 1).number(FRA_FWMASK, 0xff)));
  EXPECT_TRUE(applies(NetlinkBytes(plain).number(FRA_FWMARK, 0).number(FRA_FWMASK, 0xff)));
  EXPECT_FALSE(applies(NetlinkBytes(plain).number(FRA_IP_PROTO, 6)));
  EXPECT_FALSE(applies(NetlinkBytes(plain).number(FRA_SPORT_RANGE, 0x00160016)));
  EXPECT_FALSE(applies(NetlinkBytes(plain).number(FRA_L3MDEV, 1)));
  const fib_rule_uid_range users{.start = 1000, .end = 2000}, all{.start = 0, .end = 2000};
  EXPECT_FALSE(applies(NetlinkBytes(plain).attribute(FRA_UID_RANGE, &users, sizeof(users))));
  EXPECT_TRUE(applies(NetlinkBytes(plain).attribute(FRA_UID_RANGE, &all, sizeof(all))));
  fib_rule_hdr tos = rule_header();
  tos.tos = 0x10;
  EXPECT_FALSE(applies(NetlinkBytes(RTM_NEWRULE, tos)));
  EXPECT_FALSE(applies(NetlinkBytes(RTM_NEWRULE, rule_header(FR_ACT_NOP))));
  EXPECT_FALSE(applies(NetlinkBytes(RTM_NEWRULE, rule_header(FR_ACT_TO_TBL, FIB_RULE_INVERT))));
  EXPECT_FALSE(applies(NetlinkBytes(RTM_NEWRULE, rule_header(FR_ACT_GOTO, FIB_RULE_UNRESOLVED))));
}

TEST(Rtnetlink, RuleAnswers) {
  const auto answer = [](const NetlinkBytes& message) {
    return parse_as<RuleMessage>(message).rule.answer;
  };
  for (const unsigned char action : {FR_ACT_BLACKHOLE, FR_ACT_UNREACHABLE, FR_ACT_PROHIBIT}) {
    EXPECT_EQ(answer(NetlinkBytes(RTM_NEWRULE, rule_header(action))), RouteKind::unreachable);
  }
  EXPECT_EQ(answer(NetlinkBytes(RTM_NEWRULE, rule_header(FR_ACT_GOTO))), RouteKind::kernel);
  NetlinkBytes group(RTM_NEWRULE, rule_header());
  EXPECT_EQ(answer(group.number(FRA_SUPPRESS_IFGROUP, 3)), RouteKind::kernel);
  NetlinkBytes unknown(RTM_NEWRULE, rule_header());
  EXPECT_EQ(answer(unknown.number(60, 3)), RouteKind::kernel);  // a selector of a later kernel
}

TEST(Rtnetlink, NeighborStates) {
  for (const std::uint16_t state : std::initializer_list<std::uint16_t>{
           NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT, NUD_NOARP}) {
    const NeighborMessage parsed = parse_as<NeighborMessage>(neighbor(state));
    EXPECT_TRUE(parsed.known) << state;
    EXPECT_EQ(parsed.neighbor.mac, *Mac::parse("02:00:00:00:00:02"));
    EXPECT_EQ(parsed.neighbor.address, IpAddress(10, 0, 0, 2));
    EXPECT_EQ(parsed.neighbor.interface, InterfaceIndex{7});
    EXPECT_EQ(parsed.probing, state == NUD_PROBE);
    EXPECT_EQ(parsed.untouchable, state == NUD_PERMANENT || state == NUD_NOARP);
  }
  for (const std::uint16_t state :
       std::initializer_list<std::uint16_t>{NUD_INCOMPLETE, NUD_FAILED, NUD_NONE}) {
    EXPECT_FALSE(parse_as<NeighborMessage>(neighbor(state)).known) << state;
  }
}

TEST(Rtnetlink, NeighborsOfOthers) {
  parse_as<NetlinkOther>(neighbor(NUD_PERMANENT, NTF_PROXY));
  EXPECT_TRUE(parse_as<NeighborMessage>(neighbor(NUD_REACHABLE, NTF_EXT_LEARNED)).untouchable);
  EXPECT_TRUE(
      parse_as<NeighborMessage>(neighbor(NUD_REACHABLE).number(NDA_FLAGS_EXT, NTF_EXT_MANAGED))
          .untouchable);
  NetlinkBytes bridge(RTM_NEWNEIGH, neighbor_header(NUD_REACHABLE, 0, AF_BRIDGE));
  parse_as<NetlinkOther>(bridge);
}

TEST(Rtnetlink, MappedIpv4InIpv6IsRefused) {
  std::array<std::uint8_t, 16> mapped{};
  mapped[10] = mapped[11] = 0xff;
  NetlinkBytes message(RTM_NEWNEIGH, neighbor_header(NUD_REACHABLE, 0, AF_INET6));
  message.attribute(NDA_DST, mapped.data(), mapped.size());
  EXPECT_FALSE(parse(message.bytes()));
}

TEST(Rtnetlink, AnswersAndTheEndOfADump) {
  EXPECT_EQ(parse_as<NetlinkAnswer>(NetlinkBytes(NLMSG_ERROR, std::int32_t{-EEXIST})).error,
            EEXIST);
  EXPECT_EQ(parse_as<NetlinkAnswer>(NetlinkBytes(NLMSG_ERROR, std::int32_t{0})).error, 0);
  EXPECT_EQ(parse_as<NetlinkDone>(NetlinkBytes(NLMSG_DONE, std::int32_t{-EINTR})).error, EINTR);
  EXPECT_FALSE(parse(NetlinkBytes(NLMSG_ERROR, std::int32_t{1}).bytes()));
  EXPECT_FALSE(parse(NetlinkBytes(NLMSG_ERROR, INT32_MIN).bytes()));
}

TEST(Rtnetlink, ReaderWalksSeveralMessages) {
  std::vector<std::byte> datagram = link(kUp).bytes();
  for (const std::byte byte : neighbor(NUD_STALE).bytes()) datagram.push_back(byte);
  NetlinkReader reader(datagram);
  EXPECT_EQ(reader.next().value().type, RTM_NEWLINK);
  EXPECT_EQ(reader.next().value().type, RTM_NEWNEIGH);
  EXPECT_FALSE(reader.next());
}

TEST(Rtnetlink, ImpossibleLengths) {
  for (const std::uint32_t length : {0U, 1U, 15U, 1000U, ~0U}) {
    std::vector<std::byte> bytes = link(kUp).bytes();
    std::memcpy(bytes.data(), &length, sizeof(length));
    EXPECT_FALSE(NetlinkReader(bytes).next()) << length;
  }
  NetlinkBytes prefix(RTM_NEWROUTE, route_header(33));
  EXPECT_FALSE(parse(prefix.bytes()));
  NetlinkBytes address(RTM_NEWADDR, address_header(AF_INET, 33));
  EXPECT_FALSE(parse(address.address(IFA_LOCAL, "10.0.0.1").bytes()));
  NetlinkBytes nameless(RTM_NEWLINK, link_header(kUp));
  EXPECT_FALSE(parse(nameless.bytes()));
}

std::vector<NetlinkBytes> one_of_each() {
  NetlinkBytes address(RTM_NEWADDR, address_header(AF_INET6, 64));
  address.address(IFA_ADDRESS, "2001:db8::1").number(IFA_FLAGS, 0);
  NetlinkBytes rule(RTM_NEWRULE, rule_header());
  rule.number(FRA_TABLE, 1000).text(FRA_IIFNAME, "lo").number(FRA_SUPPRESS_PREFIXLEN, 0);
  return {link(kUp), address, route(16).number(RTA_TABLE, 254), rule, neighbor(NUD_REACHABLE)};
}

// A message cut inside its header or an attribute says nothing; one cut between two may.
TEST(Rtnetlink, EveryPrefix) {
  for (const NetlinkBytes& message : one_of_each()) {
    ASSERT_TRUE(parse(message.bytes()));
    for (std::size_t size = 0; size < message.size(); ++size) {
      const std::optional<NetlinkValue> value = parse(message.first(size));
      if (size < message.header_size() || !message.sound_at(size)) {
        EXPECT_FALSE(value) << size;
      }
    }
  }
}

// Changed bytes may change what is said but must not lead outside the message (seen by ASan).
TEST(Rtnetlink, RandomDamage) {
  std::mt19937 random(20240501);
  std::size_t refused = 0;
  for (int round = 0; round < 4000; ++round) {
    for (const NetlinkBytes& message : one_of_each()) {
      std::vector<std::byte> bytes = message.bytes();
      for (unsigned i = 0; i <= random() % 4; ++i) {
        bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      }
      NetlinkReader reader(bytes);
      while (const std::optional<NetlinkMessage> part = reader.next()) {
        if (!parse_netlink(*part)) ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace lvsd
