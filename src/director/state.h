// SPDX-License-Identifier: GPL-2.0-or-later
// What a Director holds, and the steps of its decisions. Private to src/director; split over files
// by step: handle.cc (which connection), fragmented.cc, transmit.cc (which way out), icmp.cc,
// reload.cc, snapshot.cc.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "destinations.h"
#include "egress.h"
#include "fragments.h"
#include "lvsd/director/connection_table.h"
#include "lvsd/director/director.h"
#include "lvsd/director/tcp_state.h"
#include "lvsd/forward/icmp_error.h"
#include "lvsd/sched/scheduler.h"

namespace lvsd {

struct Service {
  std::string name;
  ServiceKey key;
  SchedulerKind kind = SchedulerKind::wlc;
  SchedulerFlags flags;
  Oversize oversize = Oversize::icmp;
  Scheduler scheduler;
  std::vector<DestinationId> order;  // in file order
  Statistics statistics;
};

// One packet on its way through the director.
struct Passage {
  PacketBuffer& packet;
  const PacketView& view;
  TimePoint now;
  Emissions& out;
};

// At most so many ICMP errors of our own per second, so that a flood of bad packets is not answered
// by a flood of errors (RFC 1812 section 4.3.2.8). The kernel's net.ipv4.icmp_msgs_per_sec is 1000
// too.
class IcmpBudget {
 public:
  bool take(TimePoint now);

 private:
  static constexpr double kPerSecond = 1000, kBurst = 1000;
  double tokens_ = kBurst;
  TimePoint last_{};
};

struct Director::State {
  State(const DirectorSettings& settings, std::shared_ptr<const Network> network);

  // handle.cc
  Verdict handle(PacketBuffer& packet, TimePoint now, Emissions& out);
  Verdict whole(const Passage& passage);  // all but later fragments
  Verdict known_request(const Passage& passage, ConnectionId id, bool fresh);
  Verdict known_reply(const Passage& passage, ConnectionId id);
  Verdict no_connection(const Passage& passage, std::optional<ConnectionId> replaced);
  std::optional<ConnectionId> find_reply(const Tuple& tuple, TimePoint now) const;
  std::optional<ConnectionId> create(const PacketView& view, Service& service, DestinationId id,
                                     TimePoint now);
  bool starts_anew(const PacketView& view, const Connection& connection) const;
  void advance_state(ConnectionId id, const PacketView& view, Direction direction, TimePoint now);
  void count_in(Connection& connection, std::size_t bytes);
  void count_out(const Connection& connection, std::size_t bytes);
  void forget(ConnectionId id);

  // fragmented.cc
  Verdict first_fragment(const Passage& passage, const Verdict& verdict);
  Verdict later_fragment(const Passage& passage);
  Verdict follow(const Passage& passage, const Tuple& first);
  void follow_held(std::span<const std::byte> packet, TimePoint now, Emissions& out);
  bool is_fragment_of_ours(const PacketView& view) const;

  // transmit.cc
  struct Context {  // of the verdict
    DestinationId destination;
    Direction direction;
    bool fresh = false;
    bool icmp = false;  // errors are exempt from the MTU check (reference 6.2)
  };
  Verdict to_server(const Passage& passage, const Connection& connection, const Context& context);
  Verdict to_local_server(const Passage& passage, const Connection& connection,
                          const IpAddress& server, const Context& context);
  Verdict to_client(const Passage& passage, const Connection& connection, const Context& context);
  Verdict send(const Passage& passage, const ResolvedRoute& route, std::size_t mtu,
               const Context& context);
  bool cuts_oversize(const Context& context) const;
  Port gue_port(const Connection& connection) const;
  std::size_t path_mtu(DestinationId id, const ResolvedRoute& route, TimePoint now);
  std::optional<Verdict> refuse_oversize(const Passage& passage, std::size_t mtu,
                                         const IpAddress& from, const Context& context);
  void originate(const Passage& passage, const IcmpError& error, const IpAddress& from);
  void originate_about(const Passage& passage, const IcmpError& error, const IpAddress& from,
                       const IpAddress& to, std::span<const std::byte> quoted);
  Verdict drop(DropReason reason);
  Verdict accept(AcceptReason reason, bool changed = false);

  // icmp.cc
  Verdict handle_icmp_error(const Passage& passage);
  Verdict icmp_to_server(const Passage& passage, ConnectionId id);
  Verdict icmp_to_client(const Passage& passage, ConnectionId id);
  std::optional<Verdict> tunnel_error(const Passage& passage);
  void learn_path_mtu(const QuotedPacket& outer, std::uint32_t mtu, TimePoint now);

  // reload.cc
  void apply(const Changes& changes);
  void add_service(const VirtualService& config);
  void remove_service(const ServiceKey& key);
  void change_service(const ServiceChange& change);
  SchedulerSettings scheduler_settings(SchedulerFlags flags);
  void forget_removed_services();

  // snapshot.cc
  DirectorSnapshot snapshot() const;

  ConnectionTable connections;
  Destinations destinations;
  std::unordered_map<ServiceKey, std::unique_ptr<Service>, ServiceKeyHash> services;
  std::vector<std::unique_ptr<Service>> removed;  // while connections of theirs live
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> virtual_addresses;  // use counts
  Egress egress;
  FragmentTable fragments;
  Timeouts timeouts;
  Counters counters;
  IcmpBudget icmp_budget;
  TimePoint last_now{};
  std::uint16_t next_id;         // of IP headers that we make
  std::uint64_t scheduler_seed;  // of the next scheduler made
  HashSeed tunnel_seed;          // of the source ports of GUE
};

}  // namespace lvsd
