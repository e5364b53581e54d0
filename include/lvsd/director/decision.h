// SPDX-License-Identifier: GPL-2.0-or-later
// What led to one verdict, as values: `lvsctl explain` and `trace` make sentences of it.
//
// An explanation that is worked out beside the decision drifts away from it. So the steps that
// decide write down here what they looked at and what they took, while they do: there is no second
// opinion anywhere. Where nobody asks, the record is a null pointer that steps taken once per
// connection look at, and, of those taken once per packet, only the two ways out.
//
// To explain a packet that did not come, the same steps run on a copy of what they can reach
// (src/director/dry_run.cc), so that nothing of the director changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lvsd/director/director.h"

namespace lvsd {

// The connection that the packet's addresses found, as it was before the packet.
struct FoundConnection {
  ConnectionSnapshot connection;
  Direction direction = Direction::request;
  bool quoted = false;  // found by the packet that an ICMP error quotes
};

// How a service came to be the packet's (reference 1.5).
enum class ServiceMatch : std::uint8_t { none, mark, exact, ftp_data, any_port };

struct ServiceLookup {
  Tuple asked;
  std::uint32_t mark = 0;
  ServiceMatch match = ServiceMatch::none;
  std::string name;
  ServiceKey key;
  bool schedulable = true;  // what comes may begin a connection
  // Where none matches, what listens on the same address or by another mark: at most a few.
  std::vector<ServiceKey> others = {};
};

struct Candidate {
  DestinationId id = kNoDestination;
  DestinationState state;  // before the choice
};
struct Scheduling {
  SchedulerKind scheduler = SchedulerKind::wlc;
  SchedulerFlags flags;
  std::vector<Candidate> candidates;  // in file order
  std::optional<std::size_t> chosen;  // place among them
};

// What a persistence template had to say.
struct Persisted {
  Persistence settings;
  std::optional<Endpoint> remembered;  // by a valid template; none: one is made
};

// A packet of a check that takes its service's data path, or its answer.
struct ProbeMatch {
  std::string name;  // the service's
  ServiceKey key;
  Endpoint server;
  bool answer = false;
};

// Why a connection that is there is not the packet's.
enum class Superseded : std::uint8_t { begins_anew, destination_removed };

struct WayOut {
  Direction direction = Direction::request;
  DestinationId destination = kNoDestination;
  Endpoint server;                  // the destination; of a bypass, what was asked for
  ForwardingMethod method;          // of the connection
  std::optional<Endpoint> hairpin;  // what the source of a real server becomes that is a client
  bool bypass = false;
  bool fresh = false;  // by a connection that begins with this packet
  bool routed = false, local = false, up = false, has_mac = false;
  InterfaceIndex interface = kNoInterface;
  IpAddress next_hop;
  std::optional<Mac> neighbor;  // where it is known
  std::size_t packet_size = 0, link_mtu = 0, path_mtu = 0, overhead = 0;
  bool dont_fragment = false, aggregated = false, reassembled = false;
  Oversize oversize = Oversize::icmp;
};

// An ICMP error of the director's own.
struct OwnError {
  std::uint8_t type = 0, code = 0;
  std::uint32_t mtu = 0;
  IpAddress from, to;
  bool sent = false;  // else there was no way to its receiver, or too many were sent already
};

// Of a later fragment: what its first one met with.
enum class FragmentFate : std::uint8_t { none, undecided, followed, accepted, dropped, foreign };

struct Decision {
  std::optional<PacketView> packet;  // none: malformed
  std::uint32_t mark = 0;
  std::optional<FoundConnection> found;
  std::optional<Superseded> superseded;
  FragmentFate fragment = FragmentFate::none;
  std::optional<ServiceLookup> service;
  std::optional<ProbeMatch> probe;
  std::optional<Persisted> persistence;
  std::optional<Scheduling> scheduling;
  std::optional<WayOut> way;
  std::vector<OwnError> errors;
  Verdict verdict = Accept{AcceptReason::not_ours};
};

}  // namespace lvsd
