// SPDX-License-Identifier: GPL-2.0-or-later
// What stands behind each reason and each scheduler, for people who have to do something about it.
#include "lvsd/control/explanation.h"

namespace lvsd {

std::string_view advice(AcceptReason reason) {
  using enum AcceptReason;
  switch (reason) {
    case not_ours:
      return "The host's own stack answers it, as if lvsd were not there.";
    case no_service:
      return "The host's own stack has it now, and answers with a reset where nothing listens.";
    case not_schedulable:
      return "Only a SYN begins a connection (ipvs.sloppy_tcp relaxes that); the connection may "
             "have expired, or begun before lvsd did. The host's own stack has it now, and answers "
             "with a reset where nothing listens.";
    case no_connection:
      return "The host's own stack learns from it or ignores it; ipvs.schedule_icmp would schedule "
             "it.";
    case local_node:
      return "The host's own stack delivers it to a program here.";
    case reply:
      return "The host's own stack has it now; with net.ipv4.ip_forward on it goes to the client.";
    case probe_answer:
      return "The host's own stack delivers it to the prober; a firewall that takes it for invalid "
             "must let it in.";
    case probe_local:
      return "The host's own stack delivers it; no packet of it leaves the director.";
  }
  return "";
}

namespace {

constexpr std::string_view kSenderFault = "It is the sender's, or the path's, fault.";
constexpr std::string_view kFirstFragment =
    "Look at what became of its first fragment; it was lost, or dropped for a reason of its own.";

}  // namespace

std::string_view advice(DropReason reason) {
  using enum DropReason;
  switch (reason) {
    case truncated_ip:
    case bad_ip_version:
    case bad_ip_length:
    case bad_ip_checksum:
    case truncated_transport:
    case bad_tcp_length:
    case bad_ip_address:
    case bad_icmp_checksum:
      return kSenderFault;
    case later_fragment:
    case fragment_timeout:
      return kFirstFragment;
    case no_destination:
      return "Give a destination a weight above zero, raise a threshold, or undo what took them "
             "out.";
    case connection_table_full:
      return "Raise director.connections.limit, or shorten the timeouts.";
    case no_route:
      return "Compare 'ip route get' with 'lvsctl network'.";
    case neighbor_unresolved:
    case neighbor_queue_full:
      return "The next hop is down, or not on that link: look at 'ip neigh'.";
    case ttl_exceeded:
      return "There is a routing loop, or somebody runs traceroute.";
    case fragmentation_needed:
      return "The sender was told the MTU that fits; if it goes on, something filters ICMP on the "
             "way back to it.";
    case mtu_too_small:
      return "Look at the MTU of the link towards the destination.";
    case no_headroom:
      return "This is a mistake in lvsd: please report it.";
    case local_masquerade:
      return "Give the destination an address of this host other than loopback.";
    case icmp_consumed:
      return "Nothing is to be done: the client was told what concerns it.";
    case link_down:
      return "Bring the interface up.";
    case no_link_address:
      return "Use tun or nat for that destination.";
    case fragment_queue_full:
      return "Somebody may be flooding with fragments; honest ones are few.";
    case destination_removed:
      return "Clients that retry get another destination; without ipvs.expire_nodest_conn "
             "connections of removed destinations go on.";
    case drop_packet:
      return "The client will try again; see ipvs.drop_packet.";
    case no_call_id:
      return "Only SIP may go to a service with the SIP engine.";
    case stray_reply:
      return "The connection has expired, or the real server sends by itself; see "
             "ipvs.nat_icmp_send.";
    case sctp_fragment:
      return "Let the destination listen on the service's port, or lower the senders' MTU.";
    case bad_tcp_checksum:
      return "The sender will send it again.";
    case drained:
      return "The client was reset and will connect anew, elsewhere; see lvsctl drift.";
    case bad_ip_options:
      return "The sender was told which byte is wrong; honest packets have hardly ever options.";
    case source_route:
      return "Nobody should send that: look who does.";
    case no_hairpin_port:
      return "Let the real servers ask each other by their own addresses, or use fewer workers.";
    case probe_unplaced:
      return "A reload has just changed what is checked, or another program sets lvsd's marks: "
             "choose others by director.capture.probe_marks.";
    case probe_busy:
      return "TCP sends it again, and most likely nothing is in its way then.";
  }
  return "";
}

std::string_view rule_of(SchedulerKind kind) {
  using enum SchedulerKind;
  switch (kind) {
    case rr:
      return "the next usable one behind the one taken last";
    case wrr:
      return "in turn, each as often as its weight says";
    case lc:
      return "the smallest overhead, 256 for each active connection and 1 for each inactive one";
    case wlc:
      return "the smallest overhead for its weight, 256 for each active connection and 1 for each "
             "inactive one";
    case sh:
      return "the owner of the bucket that the client's address hashes to";
    case dh:
      return "the owner of the bucket that the virtual address hashes to";
    case sed:
      return "the smallest (active + 1) for its weight";
    case nq:
      return "an idle one, else the smallest (active + 1) for its weight";
    case fo:
      return "the usable one with the largest weight";
    case ovf:
      return "the usable one with the largest weight that has no more active connections than that";
    case mh:
      return "the owner of the client's place in the Maglev table";
    case lblc:
      return "the one that had this virtual address before, unless it has too much to do";
    case lblcr:
      return "the least loaded of those that had this virtual address before";
    case twos:
      return "the less loaded of two that were drawn by weight";
  }
  return "";
}

}  // namespace lvsd
