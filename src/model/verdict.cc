// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/model/verdict.h"

#include <array>

namespace lvsd {
namespace {

struct Text {
  std::string_view name, sentence;
};

// In the order of the enumerations.
constexpr std::array<Text, kAcceptReasons> kAccept{{
    {"not-ours", "a protocol or an ICMP type that lvsd does not balance"},
    {"no-service", "no virtual service listens there and no connection matches"},
    {"not-schedulable", "TCP without SYN, or with RST, that belongs to no known connection"},
    {"no-connection", "an ICMP error about a packet of no known connection"},
    {"local-node", "the chosen destination is an address of the director itself"},
    {"reply", "the answer of a dr or tun real server that came through the director"},
    {"probe-answer", "a real server's answer to a check that was sent through the data path"},
    {"probe-local", "a check through the data path, of an address of the director itself"},
}};

constexpr std::array<Text, kDropReasons> kDrop{{
    {"truncated-ip", "the packet is shorter than its IP header says"},
    {"bad-ip-version", "the IP version is not one that lvsd forwards"},
    {"bad-ip-length", "the IP header's lengths contradict each other"},
    {"bad-ip-checksum", "the IP header checksum is wrong"},
    {"truncated-transport",
     "the TCP, UDP, SCTP or ICMP header is cut short, or an IPv6 extension header is"},
    {"bad-tcp-length", "the TCP header length is below 20 or beyond the packet"},
    {"bad-ip-address", "an IPv6 address in it stands for an IPv4 one"},
    {"bad-icmp-checksum", "an ICMP error for a known connection has a wrong checksum"},
    {"later-fragment", "a later fragment of a datagram whose first one was not forwarded"},
    {"no-destination", "the service has no destination that takes new connections"},
    {"connection-table-full", "the connection table is at its configured limit"},
    {"no-route", "there is no route to the next hop"},
    {"neighbor-unresolved", "the next hop did not answer ARP in time"},
    {"neighbor-queue-full", "too many packets already wait for that next hop to answer ARP"},
    {"ttl-exceeded", "the TTL was used up"},
    {"fragmentation-needed",
     "DF is set, or it is IPv6, and the packet is larger than the path takes"},
    {"mtu-too-small",
     "the path takes less than the smallest MTU: 68 bytes, with IPv6 outside 1280"},
    {"no-headroom", "no room for an outer header was left in front of the packet"},
    {"local-masquerade",
     "nat to a loopback address, which the kernel takes from nobody but itself"},
    {"icmp-consumed",
     "an ICMP error about a tunnel packet, learned from and passed on to the client"},
    {"link-down", "the interface towards the next hop is down"},
    {"no-link-address", "dr needs a link with MAC addresses, and this one has none"},
    {"fragment-timeout", "a later fragment whose first one did not come in time"},
    {"fragment-queue-full", "too many fragments already wait for their first one"},
    {"destination-removed", "its destination was removed, and expire_nodest_conn is false"},
    {"drop-packet", "the first packet of a connection, taken by the drop_packet defence"},
    {"no-call-id", "a service with the SIP engine got a packet without a Call-ID"},
    {"stray-reply", "a NAT server's packet of no known connection, answered by an ICMP error"},
    {"sctp-fragment", "nat changes the port of an SCTP packet that comes in fragments"},
    {"bad-tcp-checksum", "a damaged segment of a connection that the FTP helper reads"},
    {"drained", "its destination is drained to the end, and its connection was reset"},
    {"bad-ip-options", "the options of the IPv4 header are malformed"},
    {"source-route", "its sender says by IPv4 options which way it goes"},
    {"no-hairpin-port", "real servers as clients have taken all source ports to that destination"},
    {"probe-unplaced", "a check through the data path, of a destination that is not checked so"},
    {"probe-busy", "a check through the data path, whose port another server's check still uses"},
}};

}  // namespace

std::string_view to_string(AcceptReason reason) {
  return kAccept[static_cast<std::size_t>(reason)].name;
}
std::string_view to_string(DropReason reason) {
  return kDrop[static_cast<std::size_t>(reason)].name;
}
std::string_view explain(AcceptReason reason) {
  return kAccept[static_cast<std::size_t>(reason)].sentence;
}
std::string_view explain(DropReason reason) {
  return kDrop[static_cast<std::size_t>(reason)].sentence;
}

static_assert(drop_reason(Malformed::truncated_ip) == DropReason::truncated_ip);
static_assert(drop_reason(Malformed::bad_ip_address) == DropReason::bad_ip_address);

}  // namespace lvsd
