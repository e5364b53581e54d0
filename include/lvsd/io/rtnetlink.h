// SPDX-License-Identifier: GPL-2.0-or-later
// rtnetlink messages -> values: pure functions over bytes, so that they can be given hostile ones.
//
// NetlinkReader cuts a datagram into messages, parse_netlink makes a value of one. A message that
// is cut short or contradicts itself gives nothing; one that is well formed but says nothing about
// the director's network (another family, a proxy entry) gives NetlinkOther.
//
// The attributes are read here rather than through libmnl's cursors because those dereference in
// place: they want aligned memory and lengths that somebody has checked before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "lvsd/model/network.h"

namespace lvsd {

struct NetlinkDone {  // the end of a dump
  int error = 0;      // an errno value
  friend bool operator==(const NetlinkDone&, const NetlinkDone&) = default;
};
struct NetlinkAnswer {  // to a request of ours
  int error = 0;        // an errno value; 0: done as asked
  friend bool operator==(const NetlinkAnswer&, const NetlinkAnswer&) = default;
};
struct LinkMessage {
  bool removed = false;
  Interface link;  // without addresses
  friend bool operator==(const LinkMessage&, const LinkMessage&) = default;
};
struct AddressMessage {
  bool removed = false;
  bool usable = true;  // duplicate address detection is not pending and has not failed
  InterfaceIndex interface = kNoInterface;
  InterfaceAddress address;
  friend bool operator==(const AddressMessage&, const AddressMessage&) = default;
};
struct RouteMessage {  // also of a next-hop object, which routes refer to: `applies` is false
  bool removed = false;
  bool applies = true;  // false: no look-up of ours finds it (broadcast, dead, of another TOS)
  Route route;
  friend bool operator==(const RouteMessage&, const RouteMessage&) = default;
};
struct RuleMessage {
  bool removed = false;
  bool applies = true;  // false: never met by a look-up of ours (see RoutingRule)
  RoutingRule rule;
  friend bool operator==(const RuleMessage&, const RuleMessage&) = default;
};
struct NeighborMessage {
  bool removed = false;
  Neighbor neighbor;
  bool known = false;        // frames may be sent to neighbor.mac
  bool probing = false;      // the kernel is asking it already
  bool untouchable = false;  // permanent, NOARP, or kept by another program or by the kernel itself
  friend bool operator==(const NeighborMessage&, const NeighborMessage&) = default;
};
struct NetlinkOther {
  friend bool operator==(const NetlinkOther&, const NetlinkOther&) = default;
};
using NetlinkValue = std::variant<NetlinkDone, NetlinkAnswer, LinkMessage, AddressMessage,
                                  RouteMessage, RuleMessage, NeighborMessage, NetlinkOther>;

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::span<const std::byte> payload;
};

class NetlinkReader {
 public:
  explicit NetlinkReader(std::span<const std::byte> datagram) : rest_(datagram) {}
  std::optional<NetlinkMessage> next();  // nothing at the end, or where what is left is no message

 private:
  std::span<const std::byte> rest_;
};

std::optional<NetlinkValue> parse_netlink(const NetlinkMessage& message);

}  // namespace lvsd
