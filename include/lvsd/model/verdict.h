// SPDX-License-Identifier: GPL-2.0-or-later
// What happens to a packet, and why. Every packet gets exactly one Verdict; every reason is one
// counter, one line in lvsd(8), and has a name that users meet in replay, status and metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "lvsd/model/destination_state.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

// The packet goes on to the local stack.
enum class AcceptReason : std::uint8_t {
  not_ours,         // protocol or ICMP type that lvsd does not balance (reference 1.3, 1.10)
  no_service,       // nothing listens on that address and port, and no connection matches
  not_schedulable,  // TCP without SYN, or with RST, and no connection (reference 1.4)
  no_connection,    // an ICMP error or reply that belongs to no connection of ours
  local_node,       // the chosen destination is this host (reference 1.14)
  reply,            // answer of a DR or TUN real server that came through the director (1.8)
  probe_answer,     // to a check that took its service's data path
  probe_local,      // such a check of this host itself, which no packet leaves for
};
inline constexpr std::size_t kAcceptReasons = 8;

// The packet is discarded.
enum class DropReason : std::uint8_t {
  truncated_ip,  // these seven mirror Malformed, in its order
  bad_ip_version,
  bad_ip_length,
  bad_ip_checksum,
  truncated_transport,
  bad_tcp_length,
  bad_ip_address,
  bad_icmp_checksum,  // an ICMP error for a connection, damaged (reference 1.10 step 6)
  later_fragment,     // of a datagram whose first fragment was dropped, or has lost its connection
  no_destination,     // the service has no usable destination (reference 1.7)
  connection_table_full,
  no_route,              // to the destination, or back to the client
  neighbor_unresolved,   // waited for ARP, and nobody answered
  neighbor_queue_full,   // too many packets wait for that neighbour already
  ttl_exceeded,          // reference 6.1 step 3
  fragmentation_needed,  // DF set and larger than the path takes (reference 6.2)
  mtu_too_small,         // the path takes less than its family's minimum, 68 or 1280 bytes (6.2)
  no_headroom,           // the edge left no room for a tunnel header
  local_masquerade,      // NAT to a loopback address
  icmp_consumed,         // an ICMP error for the tunnel itself, answered or learned from (1.10)
  link_down,             // the interface towards the next hop is down
  no_link_address,       // dr over a link without MAC addresses: nothing to direct the frame to
  fragment_timeout,      // waited for its first fragment, which did not come
  fragment_queue_full,   // too many fragments wait for their first one already
  destination_removed,   // and expire_nodest_conn is false (reference 1.3)
  drop_packet,           // the defence against overload took it (reference 2.8)
  no_call_id,            // the SIP engine found no Call-ID to go by (reference 5.5)
  stray_reply,           // of a NAT server, without a connection, and nat_icmp_send is on (1.8)
  sctp_fragment,         // NAT would change the port, and the checksum covers what is not here
  bad_tcp_checksum,      // of a connection that the FTP helper reads (reference 6.5)
  drained,               // of a connection that ended with its destination's drain
  bad_ip_options,        // malformed, as the kernel's stack has it
  source_route,          // a router's, which Linux obeys only where it is asked to
  no_hairpin_port,       // all ports of ours to that server are taken by real servers as clients
  probe_unplaced,        // a check's, of a service or destination that is not checked that way
  probe_busy,            // a check's, whose port another server's check has at the moment
};
inline constexpr std::size_t kDropReasons = 36;

std::string_view to_string(AcceptReason reason);  // "no-service": stable, documented in lvsd(8)
std::string_view to_string(DropReason reason);
std::string_view explain(AcceptReason reason);  // one sentence for people
std::string_view explain(DropReason reason);

constexpr DropReason drop_reason(Malformed malformed) { return static_cast<DropReason>(malformed); }

enum class Direction : std::uint8_t { request, reply };  // client to server, server to client

struct Accept {
  AcceptReason reason;
  bool changed = false;  // the packet's bytes were rewritten: hand them back to the stack
};
struct Drop {
  DropReason reason;
};
// Sent on by way of Emissions; the stack must forget the packet.
struct Forwarded {
  DestinationId destination;
  Direction direction = Direction::request;
  bool new_connection = false;
};
// Kept by the director until its next hop is resolved: a copy was taken, the stack must forget it.
struct Held {
  DestinationId destination;
  Direction direction = Direction::request;
  bool new_connection = false;
};
using Verdict = std::variant<Accept, Drop, Forwarded, Held>;

}  // namespace lvsd
