// SPDX-License-Identifier: GPL-2.0-or-later
// Where a route or a rule does more than the model can hold, it becomes one of kind `kernel`:
// packets that meet it go through a raw socket, and the kernel, which knows, routes them.
#include "rtnetlink_routes.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace lvsd {
namespace {

struct RouteAttributes {
  IpAddress to;
  std::optional<IpAddress> via, source;
  std::optional<std::uint32_t> interface;
  std::uint32_t table = 0, metric = 0, mtu = 0;
  bool several_hops = false, encapsulated = false, nexthop_object = false;
};

// RTA_VIA: the gateway of the other family (RFC 5549): a family in host order, then the address.
bool read_via(const Attribute& attribute, std::optional<IpAddress>& via) {
  const std::optional<std::uint16_t> family = attribute.as<std::uint16_t>();
  if (!family) return false;
  via = read_address(*family, attribute.value.subspan(sizeof(std::uint16_t)));
  return via.has_value();
}

bool read_metrics(const Attribute& attribute, std::uint32_t& mtu) {
  return each_attribute(attribute.value, [&](const Attribute& metric) {
    return metric.type != RTAX_MTU || assign<std::uint32_t>(metric, mtu);
  });
}

// Of several next hops the first is kept for its interface's MTU and source address.
bool read_hops(const Attribute& attribute, RouteAttributes& route) {
  const std::optional<rtnexthop> first = attribute.as<rtnexthop>();
  if (!first || first->rtnh_len < sizeof(rtnexthop) || first->rtnh_ifindex < 0) return false;
  route.several_hops = true;
  route.interface = static_cast<std::uint32_t>(first->rtnh_ifindex);
  return true;
}

bool read_route_attribute(int family, const Attribute& attribute, RouteAttributes& route) {
  switch (attribute.type) {
    case RTA_DST:
      return assign_address(family, attribute, route.to);
    case RTA_GATEWAY:
      return assign_address(family, attribute, route.via);
    case RTA_VIA:
      return read_via(attribute, route.via);
    case RTA_PREFSRC:
      return assign_address(family, attribute, route.source);
    case RTA_OIF:
      return assign<std::uint32_t>(attribute, route.interface);
    case RTA_TABLE:
      return assign<std::uint32_t>(attribute, route.table);
    case RTA_PRIORITY:
      return assign<std::uint32_t>(attribute, route.metric);
    case RTA_METRICS:
      return read_metrics(attribute, route.mtu);
    case RTA_MULTIPATH:
      return read_hops(attribute, route);
    case RTA_ENCAP:
    case RTA_ENCAP_TYPE:
      route.encapsulated = true;
      return true;
    case RTA_NH_ID:
      route.nexthop_object = true;
      return true;
    default:
      return true;
  }
}

// Nothing for kinds that no unicast look-up should find. Without a broadcast route, a packet to a
// broadcast address finds the connected route and waits for a neighbour that never answers.
std::optional<RouteKind> route_kind(unsigned char type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::unicast;
    case RTN_LOCAL:
    case RTN_ANYCAST:  // a subnet-router anycast address: delivered here
      return RouteKind::local;
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
      return RouteKind::unreachable;
    case RTN_THROW:  // "go on with the next rule": not held by the model
      return RouteKind::kernel;
    default:
      return std::nullopt;
  }
}

// What a rule selects on, beside `from` and `to`, that our look-ups never have, or always have.
struct RuleSelectors {
  bool never = false;
  std::uint32_t mark = 0;
  std::optional<std::uint32_t> mask;
  bool unknown = false;  // nobody here can say whether the rule is met, or what it does then
  std::optional<IpAddress> from, to;
};

// FRA_DSCP, of Linux 6.13: younger than the headers of the systems we build on. What came after it
// are selectors too, and an unknown one leaves the decision to the kernel.
constexpr std::uint16_t kFraDscp = 25;

bool read_rule_attribute(int family, const Attribute& attribute, RuleSelectors& selectors,
                         RoutingRule& rule) {
  switch (attribute.type) {
    case FRA_PRIORITY:
      return assign<std::uint32_t>(attribute, rule.priority);
    case FRA_TABLE:
      return assign<std::uint32_t>(attribute, rule.table);
    case FRA_SRC:
      return assign_address(family, attribute, selectors.from);
    case FRA_DST:
      return assign_address(family, attribute, selectors.to);
    case FRA_FWMARK:
      return assign<std::uint32_t>(attribute, selectors.mark);
    case FRA_FWMASK:
      return assign<std::uint32_t>(attribute, selectors.mask);
    case FRA_IIFNAME:  // what this host sends itself has come in through lo, for rules
      selectors.never |= read_string(attribute.value) != "lo";
      return true;
    case FRA_UID_RANGE: {
      const std::optional<fib_rule_uid_range> range = attribute.as<fib_rule_uid_range>();
      if (range) selectors.never |= range->start > 0;  // we are root
      return range.has_value();
    }
    case FRA_L3MDEV: {
      const std::optional<std::uint8_t> value = attribute.as<std::uint8_t>();
      if (value) selectors.never |= *value != 0;
      return value.has_value();
    }
    case FRA_OIFNAME:
    case FRA_TUN_ID:
    case FRA_IP_PROTO:
    case FRA_SPORT_RANGE:
    case FRA_DPORT_RANGE:
      selectors.never = true;
      return true;
    case FRA_SUPPRESS_PREFIXLEN: {
      const std::optional<std::uint32_t> length = attribute.as<std::uint32_t>();
      if (length && *length <= 128) rule.suppress_length = static_cast<std::uint8_t>(*length);
      return length.has_value();
    }
    case FRA_SUPPRESS_IFGROUP: {
      const std::optional<std::uint32_t> group = attribute.as<std::uint32_t>();
      selectors.unknown |= group && *group != 0xffffffffU;
      return group.has_value();
    }
    case kFraDscp: {
      const std::optional<std::uint8_t> dscp = attribute.as<std::uint8_t>();
      if (dscp) selectors.never |= *dscp != 0;
      return dscp.has_value();
    }
    default:
      selectors.unknown |= attribute.type > kFraDscp;
      return true;
  }
}

// False for a rule that does nothing to any packet.
bool set_action(unsigned char action, const RuleSelectors& selectors, RoutingRule& rule) {
  switch (action) {
    case FR_ACT_TO_TBL:
      if (selectors.unknown) rule.answer = RouteKind::kernel;
      return true;
    case FR_ACT_GOTO:
      rule.answer = RouteKind::kernel;
      return true;
    case FR_ACT_BLACKHOLE:
    case FR_ACT_UNREACHABLE:
    case FR_ACT_PROHIBIT:
      rule.answer = RouteKind::unreachable;
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<NetlinkValue> parse_route(bool removed, Bytes payload) {
  const std::optional<rtmsg> header = take<rtmsg>(payload);
  if (!header) return std::nullopt;
  const int family = header->rtm_family;
  if (family != AF_INET && family != AF_INET6) return NetlinkOther{};
  RouteAttributes attributes;
  attributes.to = any_address(family == AF_INET);
  attributes.table = header->rtm_table;
  const bool sound = each_attribute(payload, [&](const Attribute& attribute) {
    return read_route_attribute(family, attribute, attributes);
  });
  if (!sound || header->rtm_dst_len > attributes.to.width()) return std::nullopt;
  const std::optional<RouteKind> kind = route_kind(header->rtm_type);
  // Cached clones and dead next hops are never looked up, and neither are routes of a TOS: we have
  // 0.
  RouteMessage message;
  message.removed = removed;
  message.applies =
      kind && (header->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD)) == 0 && header->rtm_tos == 0;
  Route& route = message.route;
  route.to = Prefix::of(attributes.to, header->rtm_dst_len);
  route.kind = kind.value_or(RouteKind::unicast);
  if (attributes.via && !attributes.via->is_unspecified()) route.via = attributes.via;
  route.interface = InterfaceIndex{attributes.interface.value_or(0)};
  route.source = attributes.source;
  route.table = attributes.table;
  route.metric = attributes.metric;
  route.mtu = attributes.mtu;
  // A next-hop object that the kernel spells out as well is as good as a plain route.
  const bool hidden = attributes.nexthop_object && !attributes.interface;
  const bool by_source = header->rtm_src_len != 0;
  if (route.kind == RouteKind::unicast &&
      (attributes.several_hops || attributes.encapsulated || hidden || by_source)) {
    route.kind = RouteKind::kernel;
    route.via.reset();
  }
  return message;
}

// Matching follows fib_rule_match() with a flow that has addresses and nothing else. "not" inverts
// the whole conjunction: a rule of which one part is never met is then always met.
std::optional<NetlinkValue> parse_rule(bool removed, Bytes payload) {
  const std::optional<fib_rule_hdr> header = take<fib_rule_hdr>(payload);
  if (!header) return std::nullopt;
  const int family = header->family;
  if (family != AF_INET && family != AF_INET6) return NetlinkOther{};
  RuleMessage message;
  message.removed = removed;
  RoutingRule& rule = message.rule;
  rule.priority = 0;  // not sent where it is
  rule.table = header->table;
  rule.v4 = family == AF_INET;
  rule.v6 = family == AF_INET6;
  RuleSelectors selectors;
  const bool sound = each_attribute(payload, [&](const Attribute& attribute) {
    return read_rule_attribute(family, attribute, selectors, rule);
  });
  const unsigned width = family == AF_INET ? 32 : 128;
  if (!sound || header->src_len > width || header->dst_len > width) return std::nullopt;
  const IpAddress any = any_address(family == AF_INET);
  if (header->src_len != 0) rule.from = Prefix::of(selectors.from.value_or(any), header->src_len);
  if (header->dst_len != 0) rule.to = Prefix::of(selectors.to.value_or(any), header->dst_len);
  // A mark without a mask is compared whole, and ours is 0; so is our TOS.
  const bool marked = (selectors.mark & selectors.mask.value_or(0xffffffffU)) != 0;
  const bool never = selectors.never || marked || header->tos != 0;
  rule.inverted = (header->flags & FIB_RULE_INVERT) != 0;
  if (never && rule.inverted) {
    rule.inverted = false;
    rule.from.reset();
    rule.to.reset();
    message.applies = true;
  } else {
    message.applies = !never;
  }
  if (rule.inverted && !rule.from && !rule.to) message.applies = false;  // "not from all"
  if (!set_action(header->action, selectors, rule)) message.applies = false;
  if (header->action == FR_ACT_GOTO && (header->flags & FIB_RULE_UNRESOLVED) != 0) {
    message.applies = false;  // the target does not exist: the kernel goes on with the next rule
  }
  return message;
}

}  // namespace lvsd
