// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/rtnetlink.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "netlink_attributes.h"
#include "rtnetlink_routes.h"

namespace lvsd {
namespace {

bool is_ip(int family) { return family == AF_INET || family == AF_INET6; }

std::optional<Mac> read_mac(Bytes bytes) {
  Mac::Bytes raw;
  if (bytes.size() != raw.size()) return std::nullopt;  // Infiniband and others: no Ethernet frames
  std::memcpy(raw.data(), bytes.data(), raw.size());
  const Mac mac(raw);
  return mac == Mac() ? std::nullopt : std::optional(mac);
}

// NLMSG_DONE and NLMSG_ERROR both begin with a negative errno value, or zero.
template <class T>
std::optional<NetlinkValue> parse_error(Bytes payload) {
  if (std::is_same_v<T, NetlinkDone> && payload.empty()) return NetlinkDone{};
  const std::optional<std::int32_t> error = take<std::int32_t>(payload);
  if (!error || *error > 0 || *error < -4095) return std::nullopt;  // the kernel's MAX_ERRNO
  return T{-*error};
}

std::optional<NetlinkValue> parse_link(bool removed, Bytes payload) {
  const std::optional<ifinfomsg> header = take<ifinfomsg>(payload);
  if (!header || header->ifi_index <= 0) return std::nullopt;
  // Bridges and wireless send messages of their own through the same group.
  if (header->ifi_family != AF_UNSPEC) return NetlinkOther{};
  LinkMessage message;
  message.removed = removed;
  Interface& link = message.link;
  link.index = InterfaceIndex{static_cast<std::uint32_t>(header->ifi_index)};
  link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  // IFF_RUNNING is the operational state: carrier, and nobody (802.1X, a bond) holding it back.
  link.up = (header->ifi_flags & IFF_UP) != 0 && (header->ifi_flags & IFF_RUNNING) != 0;
  const bool resolves =
      header->ifi_type == ARPHRD_ETHER && (header->ifi_flags & IFF_NOARP) == 0 && !link.loopback;
  const bool sound = each_attribute(payload, [&](const Attribute& attribute) {
    if (attribute.type == IFLA_IFNAME) link.name = read_string(attribute.value);
    if (attribute.type == IFLA_MTU) return assign<std::uint32_t>(attribute, link.mtu);
    if (attribute.type == IFLA_ADDRESS && resolves) link.mac = read_mac(attribute.value);
    return true;
  });
  if (!sound || link.name.empty()) return std::nullopt;
  return message;
}

std::optional<NetlinkValue> parse_address(bool removed, Bytes payload) {
  const std::optional<ifaddrmsg> header = take<ifaddrmsg>(payload);
  if (!header) return std::nullopt;
  const int family = header->ifa_family;
  if (!is_ip(family)) return NetlinkOther{};
  AddressMessage message;
  message.removed = removed;
  message.interface = InterfaceIndex{header->ifa_index};
  std::uint32_t flags = header->ifa_flags;
  // On a point-to-point link `address` is the peer's, to which the prefix belongs, and `local`
  // ours.
  std::optional<IpAddress> address, local;
  const bool sound = each_attribute(payload, [&](const Attribute& attribute) {
    if (attribute.type == IFA_FLAGS) return assign<std::uint32_t>(attribute, flags);
    if (attribute.type == IFA_ADDRESS) return assign_address(family, attribute, address);
    if (attribute.type == IFA_LOCAL) return assign_address(family, attribute, local);
    return true;
  });
  if (!sound || (!address && !local)) return std::nullopt;
  const IpAddress own = local.value_or(address.value_or(IpAddress()));
  if (header->ifa_prefixlen > own.width()) return std::nullopt;
  const bool has_peer = address && *address != own;
  message.address = {own,
                     has_peer ? static_cast<std::uint8_t>(own.width()) : header->ifa_prefixlen};
  const bool pending = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  message.usable = !pending && (flags & IFA_F_DADFAILED) == 0;
  return message;
}

// While PROBE the kernel goes on sending to the old MAC, and so do we; INCOMPLETE, FAILED and NONE
// have none that one could send to.
constexpr std::uint16_t kKnownStates =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

std::optional<NetlinkValue> parse_neighbor(bool removed, Bytes payload) {
  const std::optional<ndmsg> header = take<ndmsg>(payload);
  if (!header) return std::nullopt;
  const int family = header->ndm_family;
  // A proxy entry is of the same key as a neighbour but says that we answer for it.
  if (!is_ip(family) || (header->ndm_flags & NTF_PROXY) != 0) return NetlinkOther{};
  if (header->ndm_ifindex <= 0) return std::nullopt;
  NeighborMessage message;
  message.removed = removed;
  message.neighbor.interface = InterfaceIndex{static_cast<std::uint32_t>(header->ndm_ifindex)};
  std::optional<IpAddress> address;
  std::optional<Mac> mac;
  std::uint32_t more_flags = 0;
  const bool sound = each_attribute(payload, [&](const Attribute& attribute) {
    if (attribute.type == NDA_DST) return assign_address(family, attribute, address);
    if (attribute.type == NDA_LLADDR) mac = read_mac(attribute.value);
    if (attribute.type == NDA_FLAGS_EXT) return assign<std::uint32_t>(attribute, more_flags);
    return true;
  });
  if (!sound || !address) return std::nullopt;
  message.neighbor.address = *address;
  message.known = !removed && mac && (header->ndm_state & kKnownStates) != 0;
  if (message.known) message.neighbor.mac = *mac;
  message.probing = (header->ndm_state & (NUD_PROBE | NUD_INCOMPLETE)) != 0;
  message.untouchable = (header->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0 ||
                        (header->ndm_flags & NTF_EXT_LEARNED) != 0 ||
                        (more_flags & NTF_EXT_MANAGED) != 0;
  return message;
}

}  // namespace

std::optional<IpAddress> read_address(int family, Bytes bytes) {
  if (family == AF_INET) {
    Ipv4Address::Bytes raw;
    if (bytes.size() < raw.size()) return std::nullopt;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return IpAddress(Ipv4Address(raw));
  }
  IpAddress::Bytes raw;
  if (family != AF_INET6 || bytes.size() < raw.size()) return std::nullopt;
  std::memcpy(raw.data(), bytes.data(), raw.size());
  const IpAddress address(raw);
  return address.is_v4() ? std::nullopt : std::optional(address);
}

std::string read_string(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    if (byte == std::byte{0}) break;
    text.push_back(static_cast<char>(byte));
  }
  return text;
}

IpAddress any_address(bool v4) { return v4 ? IpAddress(0, 0, 0, 0) : IpAddress(); }

std::optional<NetlinkMessage> NetlinkReader::next() {
  Bytes rest = rest_;
  const std::optional<nlmsghdr> header = take<nlmsghdr>(rest);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  NetlinkMessage message{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                         rest_.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))};
  const std::size_t padded = (std::size_t{header->nlmsg_len} + 3) & ~std::size_t{3};
  rest_ = rest_.subspan(std::min(rest_.size(), padded));
  return message;
}

std::optional<NetlinkValue> parse_netlink(const NetlinkMessage& message) {
  switch (message.type) {
    case NLMSG_DONE:
      return parse_error<NetlinkDone>(message.payload);
    case NLMSG_ERROR:
      return parse_error<NetlinkAnswer>(message.payload);
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parse_link(message.type == RTM_DELLINK, message.payload);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parse_address(message.type == RTM_DELADDR, message.payload);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return parse_route(message.type == RTM_DELROUTE, message.payload);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return RouteMessage{message.type == RTM_DELNEXTHOP, false, {}};
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return parse_rule(message.type == RTM_DELRULE, message.payload);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return parse_neighbor(message.type == RTM_DELNEIGH, message.payload);
    default:
      return NetlinkOther{};
  }
}

}  // namespace lvsd
