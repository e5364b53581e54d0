// SPDX-License-Identifier: GPL-2.0-or-later
// The director: (state, now, packet) -> verdict. One thread owns one Director; nothing in it is
// shared and nothing in it blocks, reads a clock, or logs. `lvsd` puts it behind NFQUEUE, `lvsctl
// replay` behind a capture file, the fuzzers behind random bytes.
//
// Order of decisions (reference 1.3, 1.8): parse; ICMP errors by the packet they quote; a known
// connection, as request or as reply; else a new one where a service matches. The protocol state
// machine runs before the packet is sent, and a packet is counted even when it is then refused
// for its size or TTL: both as in the kernel.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lvsd/director/recorder.h"
#include "lvsd/model/changes.h"
#include "lvsd/model/emission.h"
#include "lvsd/model/network.h"
#include "lvsd/model/time.h"
#include "lvsd/model/verdict.h"
#include "lvsd/net/packet_buffer.h"
#include "lvsd/net/packet_view.h"
#include "lvsd/net/siphash.h"

namespace lvsd {

struct DirectorSettings {
  std::uint32_t connection_limit = 1U << 20U;
  HashSeed seed;               // of the tables whose keys clients choose
  std::uint16_t first_id = 1;  // of the IP headers that the director makes
  // Of IPv6 packets that it cuts. Directors that cut packets for one address must not start alike:
  // it would join their fragments. And nobody may guess it (RFC 7739).
  std::uint32_t first_fragment_id = 1;
  bool has_peers = false;            // other directors want to know what this one learns
  unsigned worker = 0, workers = 1;  // which of so many this one is
};

// What a router says of the path of a tunnel, from an ICMP error that may name no client, so that
// one of several directors gets it for all.
struct PathLesson {
  QuotedPacket outer;
  std::uint32_t mtu = 0;
};

// Totals since start, one per verdict and reason.
struct Counters {
  std::array<std::uint64_t, kAcceptReasons> accepted{};
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t forwarded = 0;   // counted when emitted, so a held packet counts once it leaves
  std::uint64_t held = 0;        // ever held; each ends in forwarded or dropped
  std::uint64_t originated = 0;  // ICMP errors and resets made here
  std::uint64_t probes = 0;      // packets of checks sent on by the way of their service
  Statistics statistics;         // grand total (reference 8.1)
  Statistics rates;              // of it, per second (8.2); filled in by a snapshot only
};

// One destination or service as `lvsctl list` shows it: copies, so that they can leave the thread.
struct DestinationSnapshot {
  DestinationId id = kNoDestination;
  Destination config;
  std::uint32_t active = 0, inactive = 0, persistent = 0;
  bool overloaded = false;
  bool retired = false;
  Statistics statistics;
  Statistics rates = {};  // per second
};
struct ServiceSnapshot {
  std::string name;
  ServiceKey key;
  SchedulerKind scheduler = SchedulerKind::wlc;
  SchedulerFlags scheduler_flags = {};
  std::optional<Persistence> persistence = {};
  bool one_packet = false;
  std::vector<DestinationSnapshot> destinations;  // retired ones last
  Statistics statistics;
  Statistics rates = {};
  bool removed = false;  // gone from the configuration, here while it has connections
};
struct DirectorSnapshot {
  std::vector<ServiceSnapshot>
      services;  // in file order; a removed service while it has connections
  Counters counters;
  Timeouts timeouts;
  std::uint32_t connections = 0, connection_limit = 0, connection_buckets = 0;
};

// One entry of the table as `ipvsadm -Lc` shows it, templates included.
struct ConnectionSnapshot {
  std::uint8_t protocol = 0;  // 0: of a template of a service by mark
  std::string state;          // ESTABLISHED, ...; of a template ASSURED or NONE
  Endpoint client, virtual_end, destination;
  std::chrono::seconds expires{};  // from now
  bool is_template = false;
  std::string engine, engine_data;  // of a template that a persistence engine finds
};
// A part of the table. Paging over it is no snapshot: what comes and goes meanwhile may be missed,
// nothing is seen twice.
struct ConnectionPage {
  std::vector<ConnectionSnapshot> connections;
  std::optional<std::uint32_t> next;  // where to go on; none at the end
};

struct ServiceDecisions {
  std::string name;
  ServiceKey key;
  std::vector<RecordedDecision> decisions;  // oldest first
};

struct Decision;  // lvsd/director/decision.h

class Director {
 public:
  Director(const DirectorSettings& settings, std::shared_ptr<const Network> network);
  ~Director();
  Director(Director&&) noexcept;
  Director& operator=(Director&&) noexcept;

  // Exactly one verdict; 0..n emissions, whose bytes may lie in `packet`. The packet's bytes are
  // changed only where they are emitted or accepted as changed.
  Verdict handle(PacketBuffer& packet, TimePoint now, Emissions& out);
  // Says which packet will be handled kExpected packets from now, so that what it needs is fetched
  // meanwhile. Saying nothing, or something else, costs time and changes nothing.
  static constexpr std::size_t kExpected = 8;
  void expect(const PacketBuffer& packet);

  // The same, and what led to it.
  Verdict handle(PacketBuffer& packet, TimePoint now, Emissions& out, Decision& decision);
  // What handle() would do now. The packet's bytes are worked on, nothing else changes.
  Verdict explain(PacketBuffer& packet, TimePoint now, Emissions& out, Decision& decision) const;

  // When expire() next has something to do, never earlier than needed by more than a second.
  std::optional<TimePoint> next_deadline() const;
  void expire(TimePoint now, Emissions& out);

  void apply(const Changes& changes, TimePoint now, Emissions& out);
  // Free memory, in pages of 4 KiB, for the automatic modes of the defence (reference 2.8). Never
  // told, a director has enough.
  void set_available_memory(std::uint64_t pages);
  // What has to be added to `now` to make it the time since 1970, for timestamps in packets; a
  // capture's own times need nothing.
  void set_utc_offset(Duration offset);
  // Takes a new view of the network; packets that waited for a neighbour it knows are emitted.
  void update_network(std::shared_ptr<const Network> network, TimePoint now, Emissions& out);

  // What it learned since the last call, for its peers; and what a peer learned.
  std::vector<PathLesson> take_lessons();
  void learn(const PathLesson& lesson, TimePoint now);

  // Sets to zero what was counted, and the rates, of one service and its destinations, or of all
  // and the totals; the counts of verdicts go on. (Reference 8.1; ipvsadm -Z.)
  void zero(const std::optional<ServiceKey>& service);
  DirectorSnapshot snapshot() const;  // as of the latest time it was told
  DirectorSnapshot snapshot(TimePoint now) const;
  // The same in parts, each so small that no packet has to wait for long: all but the configured
  // services, and those of them that are named.
  DirectorSnapshot totals(TimePoint now) const;
  std::vector<ServiceSnapshot> services(std::span<const ServiceKey> keys, TimePoint now) const;
  // The live connections in at most `places` places of the table, beginning with `first`: so many
  // that no packet has to wait for long.
  ConnectionPage connections(std::uint32_t first, std::uint32_t places, TimePoint now) const;
  // For replay's report: a destination that any verdict named, retired or not. Null once it is
  // gone.
  const DestinationState* destination(DestinationId id) const;
  const Counters& counters() const;
  // Packets that were refused lately, oldest first, and the connections that began lately, by
  // service.
  std::vector<RefusedPacket> refused() const;
  std::vector<ServiceDecisions> decisions(const std::optional<ServiceKey>& only) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lvsd
