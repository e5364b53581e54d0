// SPDX-License-Identifier: GPL-2.0-or-later
// What a Director holds, and the steps of its decisions. Private to src/director; split over files
// by step: handle.cc (which connection), schedule.cc and persist.cc (a new one), lifetime.cc (its
// timer and its end), drained.cc, probe.cc, fragmented.cc, transmit.cc, segments.cc and bypass.cc
// (which way out), icmp.cc, ip_options.cc, sctp.cc, ftp.cc, defence.cc, reload.cc, snapshot.cc and
// connection_page.cc (what is shown).
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "copy_on_write.h"
#include "defence.h"
#include "destinations.h"
#include "egress.h"
#include "engine_templates.h"
#include "fragments.h"
#include "ftp.h"
#include "hairpins.h"
#include "lookahead.h"
#include "lvsd/director/connection_table.h"
#include "lvsd/director/decision.h"
#include "lvsd/director/director.h"
#include "lvsd/director/rate_estimator.h"
#include "lvsd/director/recorder.h"
#include "lvsd/director/tcp_state.h"
#include "lvsd/forward/encapsulate.h"
#include "lvsd/forward/icmp_error.h"
#include "lvsd/forward/segment.h"
#include "lvsd/sched/scheduler.h"
#include "probes.h"

namespace lvsd {

// Services on the one have data connections from the other (reference 1.5, 1.6, 5.2).
inline constexpr Port kFtp{std::uint16_t{21}}, kFtpData{std::uint16_t{20}};

// What a service has beside its scheduler, whose tables may be large.
struct ServiceBasics {
  std::string name;
  ServiceKey key;
  SchedulerKind kind = SchedulerKind::wlc;
  SchedulerFlags flags;
  Oversize oversize = Oversize::split;
  Helper helper = Helper::none;
  std::optional<IpAddress> hairpin;
  std::optional<Persistence> persistence;
  bool one_packet = false;
  ServiceTimeouts own_timeouts;
  Timeouts timeouts;                 // the director's where the service has none of its own
  std::vector<DestinationId> order;  // in file order
  std::vector<DestinationId> retired;
  bool removed = false;  // there while it has retired destinations
  Statistics statistics;
  RateEstimator rates;
};
struct alignas(64) Service : ServiceBasics {
  Scheduler scheduler;
  Ring<RecordedDecision> decisions;
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

// The method is the connection's own, a tunnel's outer headers are its destination's.
ForwardingMethod method_of(const Connection& connection, const ForwardingMethod& configured);

inline bool has_ip_options(const PacketView& view) {
  return !view.v6 && view.transport_offset > sizeof(Ipv4Header);
}

// Where the search for connections of removed destinations is: in the first pass over the table, or
// in one of those for what controlled others, which go on while they find any: a template controls
// what controls a data connection.
struct OrphanSweep {
  bool controllers = false;
  bool found = false;  // in this pass
  std::uint32_t place = 0;
};

// Plain values, all that a Director holds but its connections, its services, and what belongs to
// one of them: what a dry run copies whole, so that nothing new is forgotten there (dry_run.cc).
// What grows with the configuration is copied where it changes only.
struct DirectorParts {
  DirectorParts(const DirectorSettings& settings, std::shared_ptr<const Network> network);

  using UseCounts = std::unordered_map<IpAddress, std::uint32_t, IpAddressHash>;
  CopyOnWrite<UseCounts> virtual_addresses;
  Egress egress;
  FragmentTable fragments;
  Hairpins hairpins;
  Probes probes;
  std::vector<Segment> segments;  // of the packet at hand
  std::vector<Egress::Piece> pieces;
  std::uint32_t ftp_services = 0, any_port_services = 0, sip_services = 0;
  bool masquerades = false;            // there was a NAT destination, whose replies may come
  std::shared_ptr<const Loads> loads;  // of the changes being applied
  std::vector<PathLesson> lessons;     // for other directors, where there are
  bool has_peers;
  Timeouts timeouts;
  IpvsOptions ipvs;
  Defence defence;
  Counters counters;
  RateEstimator rates;  // of the grand total
  RateClock rate_clock;
  IcmpBudget icmp_budget;
  std::optional<OrphanSweep> orphans;  // while there is one
  TimePoint last_now{};
  Duration utc_offset{};         // of `now`, from the time since 1970
  std::uint16_t next_id;         // of IP headers that we make
  std::uint64_t scheduler_seed;  // of the next scheduler made
  HashSeed tunnel_seed;          // of the source ports of GUE
  Decision* decision = nullptr;  // where somebody asks for it, of the packet at hand
};

// On cache lines of its own, as it counts with every packet: another director may be its neighbour.
struct alignas(64) Director::State : DirectorParts {
  State(const DirectorSettings& settings, std::shared_ptr<const Network> network);

  // handle.cc
  Verdict handle(PacketBuffer& packet, TimePoint now, Emissions& out);
  Verdict whole(const Passage& passage);  // all but later fragments
  std::optional<ConnectionId> find_request(const Tuple& tuple, TimePoint now) const {
    const auto id = connections.find_request(tuple, now);
    if (orphans && id && is_orphan(connections[*id])) [[unlikely]]
      return std::nullopt;
    return id;
  }
  Verdict request_of(const Passage& passage, ConnectionId id);
  Verdict request_of_orphan(const Passage& passage);
  Verdict known_request(const Passage& passage, ConnectionId id, bool fresh);
  Verdict known_reply(const Passage& passage, ConnectionId id);
  Verdict nat_reply(const Passage& passage, ConnectionId id);
  std::optional<ConnectionId> find_reply(const Tuple& tuple, TimePoint now) const;
  bool starts_anew(const Connection& connection) const;
  void assure_controller(const Connection& connection);
  void advance_state(ConnectionId id, const PacketView& view, Direction direction, TimePoint now);
  void enter_state(ConnectionId id, std::uint8_t state, bool active);
  bool counts(const Connection& connection) const;
  void count_in(Connection& connection, std::size_t bytes);
  void count_out(const Connection& connection, std::size_t bytes);

  // schedule.cc
  Verdict no_connection(const Passage& passage, std::optional<ConnectionId> replaced);
  Service* find_service(const Tuple& tuple, std::uint32_t mark) const;
  bool may_schedule(const PacketView& view) const;
  Result<ConnectionId, Verdict> open(const Passage& passage, const Tuple& tuple, Service& service,
                                     std::optional<ConnectionId> replaced);
  std::optional<DestinationId> choose(Service& service, const Tuple& tuple, TimePoint now);
  Verdict leave(const Passage& passage, const Service& service);
  Verdict one_packet(const Passage& passage, Connection connection);
  static bool is_one_packet(const Service& service, const Tuple& tuple);
  Port server_port(const Tuple& tuple, const Service& service, DestinationId id) const;
  std::optional<Verdict> stray(const Passage& passage);
  bool needs_hairpin(const Connection& connection, const Service& service);
  bool hide_client(ConnectionId id, const IpAddress& own);
  Connection make_connection(const Tuple& tuple, DestinationId id, Port destination_port) const;
  void count_connection(Service* service, DestinationId id);

  // persist.cc
  struct Placement {  // of a persistent client
    DestinationId destination;
    std::optional<ConnectionId> memory;  // the template, if the service is persistent
  };
  Result<Placement, Verdict> place(const Passage& passage, const Tuple& tuple, Service& service);
  static Connection template_like(const Tuple& tuple, const Service& service);
  std::optional<ConnectionId> find_valid_template(const Connection& like, std::string_view data,
                                                  TimePoint now);
  std::optional<ConnectionId> create_template(Connection like, std::string_view data,
                                              const Service& service, DestinationId id,
                                              TimePoint now);
  void invalidate(ConnectionId memory);
  std::optional<Verdict> originated_by_server(const Passage& passage);

  // ip_options.cc
  std::optional<Verdict> refuse_options(const Passage& passage);
  void fill_options_of(const Passage& passage, const IpAddress& route, const IpAddress& stamp);

  // lifetime.cc
  std::optional<ConnectionId> insert(const Connection& connection,
                                     std::optional<ConnectionId> controller, TimePoint now);
  void restart(ConnectionId id, Duration timeout, TimePoint now);
  void restart(ConnectionId id, TimePoint now);  // with the timeout that it had
  void on_due(ConnectionId id, Connection& connection, TimePoint now);
  void unbind(ConnectionId id);  // from its destination, its controller and the side tables
  void forget(ConnectionId id);
  void sweep_orphans(TimePoint now);
  // Its destination is gone, and it is only a matter of time that it is, too.
  bool is_orphan(const Connection& connection) const {
    return orphans && connection.destination != kNoDestination &&
           destinations[connection.destination].retired;
  }
  const Timeouts& timeouts_of(const Connection& connection) const;

  // drained.cc
  Verdict request_of_ended(const Passage& passage, ConnectionId id);
  Verdict reset_stream(const Passage& passage, ConnectionId id);
  std::optional<Verdict> reset_server(const Passage& passage, ConnectionId id);
  void reset_client(const Passage& passage);

  // probe.cc: checks that take their service's data path
  Verdict probe(const Passage& passage);
  std::optional<Verdict> probe_answer(const Passage& passage);

  // bypass.cc
  Verdict to_original(const Passage& passage, const Connection& connection);

  // defence.cc
  void defend(TimePoint now);
  bool may_drop_entry(const Connection& connection, TimePoint now);

  // sctp.cc
  void advance_sctp(ConnectionId id, const PacketView& view, TableDirection table, TimePoint now);

  // ftp.cc
  void bind_helper(Connection& connection, const Service& service) const;
  std::optional<Verdict> ftp_request(const Passage& passage, ConnectionId id);
  Verdict ftp_reply(const Passage& passage, ConnectionId id);
  std::optional<FtpAnswer> read_answer(std::string_view text, const FtpControl& control,
                                       const Connection& connection, std::uint32_t sequence) const;
  Verdict rewrite_answer(const Passage& passage, ConnectionId id, FtpControl& control,
                         const FtpAnswer& answer);
  std::optional<ConnectionId> expect_data(ConnectionId control, const DataEndpoints& ends,
                                          TimePoint now);

  // fragmented.cc
  Verdict first_fragment(const Passage& passage, const FragmentExtent& extent,
                         const Verdict& verdict);
  Verdict later_fragment(const Passage& passage);
  Verdict follow(const Passage& passage, const FragmentTable::Decision& first);
  Verdict follow_one_packet(const Passage& passage, const FragmentTable::Decision& first);
  void follow_held(std::span<const std::byte> packet, const FragmentTable::Decision& first,
                   TimePoint now, Emissions& out);
  bool is_fragment_of_ours(const Passage& passage) const;

  struct Context {  // of a verdict
    DestinationId destination;
    Direction direction;
    bool fresh = false;
    bool icmp = false;                   // errors are exempt from the MTU check (reference 6.2)
    bool own = false;                    // the director made the packet
    const ProbeTarget* probe = nullptr;  // of a check, which has no destination to choose from
  };
  // segments.cc
  void learn_segment(Connection& connection, const Passage& passage, Direction direction);
  void limit_segment(Connection& connection, Direction direction, const PacketView& error);
  Verdict send_unfinished(const Passage& passage, const Connection& connection,
                          const ResolvedRoute& route, std::size_t mtu, const Context& context);
  Verdict send_segments(const Passage& passage, const Connection& connection, const Tunnel& tunnel,
                        const OuterHeader& outer, const ResolvedRoute& route, std::size_t mtu,
                        const Context& context);
  void finish(const Passage& passage);
  bool becomes_segments(const Passage& passage, const Context& context) const;

  // transmit.cc
  Verdict to_server(const Passage& passage, const Connection& connection, const Context& context);
  // By dr or tun where it has no destination in the service.
  Verdict to_address(const Passage& passage, const Connection& connection, const IpAddress& server,
                     const Tunnel* tunnel, const Context& context);
  Verdict into_tunnel(const Passage& passage, const Connection& connection, const Tunnel& tunnel,
                      const IpAddress& server, const ResolvedRoute& route, std::size_t link_mtu,
                      const Context& context);
  Verdict to_local_server(const Passage& passage, const Connection& connection,
                          const IpAddress& server, const Context& context);
  Verdict to_client(const Passage& passage, const Connection& connection, const Context& context);
  Verdict send(const Passage& passage, const Connection& connection, const ResolvedRoute& route,
               std::size_t mtu, const Context& context);
  static Egress::Patience patience_of(const Context& context) {
    if (context.own || context.probe != nullptr) return Egress::Patience::own;
    return context.direction == Direction::request ? Egress::Patience::server
                                                   : Egress::Patience::client;
  }
  Verdict settle(Egress::Outcome outcome, const Context& context);
  Oversize oversize_of(const Context& context) const;
  Port gue_port(const Connection& connection) const;
  std::size_t path_mtu(DestinationId id, const ResolvedRoute& route, TimePoint now) {
    if (id == kNoDestination) return route.hop.mtu;
    ServerPath& path = destinations.path(id);
    return path.mtu == 0 ? route.hop.mtu : learned_mtu(path, route, now);
  }
  static std::size_t learned_mtu(ServerPath& path, const ResolvedRoute& route, TimePoint now);
  bool is_refused(const Passage& passage, std::size_t mtu, const Context& context) const;
  bool was_reassembled(const Passage& passage) const;
  Verdict refuse_oversize(const Passage& passage, std::size_t mtu, const IpAddress& from);
  void originate(const Passage& passage, const IcmpError& error, const IpAddress& from);
  void originate_about(const Passage& passage, const IcmpError& error, const IpAddress& from,
                       const IpAddress& to, std::span<const std::byte> quoted);
  Verdict drop(DropReason reason);
  Verdict accept(AcceptReason reason, bool changed = false);

  // icmp.cc
  Verdict handle_icmp_error(const Passage& passage);
  Verdict schedule_icmp(const Passage& passage, const Tuple& tuple);
  Verdict icmp_to_server(const Passage& passage, Connection& connection);
  Verdict icmp_to_client(const Passage& passage, ConnectionId id);
  std::optional<Verdict> tunnel_error(const Passage& passage);
  bool learn_path_mtu(const QuotedPacket& outer, std::uint32_t mtu, TimePoint now);
  void share_path_mtu(const QuotedPacket& outer, std::uint32_t mtu, TimePoint now);

  // dry_run.cc
  State(const State& real, const PacketBuffer& packet, const PacketView& view, TimePoint now);
  struct Reach;
  std::vector<Tuple> related_tuples(std::span<const std::byte> packet, const PacketView& view,
                                    TimePoint now) const;
  std::vector<ConnectionId> related_connections(const std::vector<Tuple>& tuples,
                                                std::uint32_t mark, TimePoint now) const;
  Reach reach(const std::vector<Tuple>& tuples, const std::vector<ConnectionId>& ids,
              std::uint32_t mark) const;
  void copy_services(const State& real, const Reach& reach);
  void copy_connections(const State& real, const std::vector<ConnectionId>& ids, TimePoint now);
  DestinationId copied(DestinationId id) const;
  void name_as_original(Decision& told) const;

  // note.cc: into `decision`, where somebody asked for it
  void note_packet(const PacketBuffer& packet, TimePoint now);
  void note_service(const Passage& passage, const Tuple& tuple, const Service* service,
                    bool schedulable);
  std::vector<ServiceKey> near_misses(const Tuple& tuple, std::uint32_t mark) const;
  void note_scheduling(const Service& service, std::optional<std::size_t> choice);
  void note_way(const Passage& passage, const Connection& connection, const Context& context,
                const ResolvedRoute& route);
  void note_probe(const Probes::Path& path, const Endpoint& server, bool answer);
  void note_error(const IcmpError& error, const IpAddress& from, const IpAddress& to, bool sent);

  // recorder.cc
  void record(const Verdict& verdict, std::span<const std::byte> packet, TimePoint now);
  void record_decision(Service& service, const Tuple& tuple, DestinationId id, TimePoint now);

  // reload.cc
  void apply(const Changes& changes, TimePoint now);
  void take_options(const IpvsOptions& options);
  void configure(Service& service, const VirtualService& config);
  void count_listener(const ServiceKey& key, int change);
  void add_service(const VirtualService& config);
  void remove_service(const ServiceKey& key);
  void change_service(const ServiceChange& change);
  std::shared_ptr<SharedLoad> load_of(const ServiceKey& key, const Endpoint& endpoint) const;
  SchedulerSettings scheduler_settings(SchedulerFlags flags);
  void release_address(const Service& service);
  void forget_removed_services();

  // snapshot.cc
  DirectorSnapshot snapshot(TimePoint now) const;
  DirectorSnapshot totals(TimePoint now) const;
  std::vector<ServiceSnapshot> show(std::span<const ServiceKey> keys, TimePoint now) const;
  ServiceSnapshot show(const Service& service, std::uint64_t periods) const;
  void estimate_rates(TimePoint now);
  void zero(const std::optional<ServiceKey>& key);

  // connection_page.cc
  ConnectionPage page(std::uint32_t first, std::uint32_t places, TimePoint now) const;
  ConnectionSnapshot show(ConnectionId id, const Connection& connection, TimePoint now) const;

  Destinations destinations;
  ConnectionTable connections;
  EngineTemplates engine_templates;
  FtpControls ftp_controls;
  Lookahead lookahead;  // into it
  std::unordered_map<ServiceKey, std::unique_ptr<Service>, ServiceKeyHash> services;
  std::vector<std::unique_ptr<Service>> removed;  // while connections of theirs live
  Recorder recorder;                              // a dry run keeps nothing

  // Of a dry run: what it was made of, and by its ids those there.
  const State* original = nullptr;
  std::vector<DestinationId> originals;
  std::unordered_map<DestinationId, DestinationId> copies;  // the other way round
};

}  // namespace lvsd
