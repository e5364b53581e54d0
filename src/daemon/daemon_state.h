// SPDX-License-Identifier: GPL-2.0-or-later
// Daemon's inside, shared by the files that implement it: daemon.cc (life), daemon_reload.cc,
// daemon_answers.cc (control requests).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "lvsd/config/file.h"
#include "lvsd/control/listing.h"
#include "lvsd/control/request.h"
#include "lvsd/daemon/control_socket.h"
#include "lvsd/daemon/daemon.h"
#include "lvsd/daemon/effective.h"
#include "lvsd/daemon/exposure.h"
#include "lvsd/daemon/fleet.h"
#include "lvsd/daemon/health_keeper.h"
#include "lvsd/daemon/metrics_server.h"
#include "lvsd/daemon/overload_watch.h"
#include "lvsd/daemon/overrides_file.h"
#include "lvsd/daemon/pace.h"
#include "lvsd/daemon/reload.h"
#include "lvsd/daemon/run_dir.h"
#include "lvsd/io/network_monitor.h"

namespace lvsd {

// What the workers have, with what checks say of it.
Listing shown(std::vector<WorkerSnapshot>&& workers, const Config& running, const HealthView& view);

// All that there is to list, gathered.
struct Gathered {
  std::vector<WorkerSnapshot> workers;
  Config running;
  HealthView health;
};

// Lays out one listing after the other.
struct Lister {
  struct Wanted {
    std::function<std::string(Gathered&)> lay_out;           // on the lister's thread
    std::function<void(Result<std::string, Error>)> answer;  // on the control thread
    std::optional<ServiceKey> only = {};                     // of this service; else of all
  };
  std::deque<Wanted> wanted;
  // Of the one that is laid out. It holds its client, and stays on the control thread: where the
  // last copy goes, the client's session ends.
  std::function<void(Result<std::string, Error>)> answer;
  std::optional<boost::asio::thread_pool> thread;
};

// Explanations are the workers' own work, which packets wait for: all who ask get a share of it.
struct Explaining {
  explicit Explaining(boost::asio::io_context& io) : timer(io) {}
  struct Wanted {
    Request request;
    ControlSocket::Reply reply;
    Pace::Clock::time_point since;
  };
  std::deque<Wanted> of_changers, of_readers;  // who may change things, goes first
  Pace pace;
  boost::asio::steady_timer timer;
};

struct Daemon::State {
  State(const Options& given, const ConfigFile& read, ProberProcess prober);

  // daemon.cc
  void start();
  bool stop();
  void wait_for_signal();
  void wait_for_network();
  void wait_for_rules();
  void wait_for_claims();
  void wait_for_tick();
  void take_network();
  void tick();
  void watch_overload();
  void steer(const Config& captured);  // tells the workers by what to tell whose a packet is
  std::string status_line() const;

  // daemon_reload.cc
  ReloadResult reload(bool discard_overrides = false);  // HUP and `lvsctl reload` alike
  Result<ConfigFile, Problems> read_file();
  ReloadResult apply(ConfigFile read);
  // To be called after `influences` changed: brings the workers to what is effective now. What
  // fails, because a worker is busy, is tried again every second.
  Status reconcile();
  Status try_to_reconcile();
  void reconcile_and_say();
  void change(const Config& next, const Live& live, const std::shared_ptr<const Changes>& changes,
              ReloadResult& result);

  // daemon_plan.cc
  void plan(std::string text, ControlSocket::Reply reply);

  // daemon_list.cc
  void list(const Request& request, ControlSocket::Reply reply);
  void lay_out(Lister& lister, Lister::Wanted wanted);
  void next_listing(Lister& lister);
  void dump();
  void metrics_page(MetricsServer::Reply reply);
  void open_metrics();  // where the command line or the file says; throws std::runtime_error

  // daemon_explain.cc
  void explain(Request request, const Peer& peer, ControlSocket::Reply reply);
  void next_explanation();
  nlohmann::json explain(const Request& request);
  nlohmann::json drops();
  nlohmann::json trace(const Request& request);
  nlohmann::json decisions(const Request& request);

  // daemon_overrides.cc
  void forget_overrides(const Config& next);
  nlohmann::json change_overrides(const Request& request);
  nlohmann::json drift();
  void end_drains();

  // daemon_answers.cc
  void answer(std::string_view line, const Peer& peer, const ControlSocket::Reply& reply);
  nlohmann::json answer(const Request& request);
  nlohmann::json status();
  std::string connections(const Cursor& cursor);
  nlohmann::json zero(const std::optional<std::string>& name);

  const Options options;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  const WallTime started_at = std::chrono::system_clock::now();
  RunDir run_dir;
  boost::asio::io_context io{1};
  NetworkMonitor monitor;
  std::shared_ptr<const Network> network;  // as the workers have it
  Config file;                             // as last loaded
  std::vector<ServiceHealth> file_health;
  std::optional<Endpoint> file_metrics;
  HealthKeeper health;
  const OverridesFile overrides_file;
  Influences influences;  // what changes it at run time
  Config running;  // effective(file, influences); its startup part is the one lvsd started with
  const SteeringHash hash;
  Fleet fleet;
  OverloadWatch overload;
  Exposure exposure;
  std::optional<ReloadResult> last_reload;
  std::array<std::uint64_t, kReloadOutcomes> reloads{};  // by outcome

  boost::asio::signal_set signals;
  boost::asio::posix::stream_descriptor network_events, rule_events, claim_events;
  boost::asio::steady_timer timer;
  int ticks = 0;
  bool reconcile_due = false;
  Explaining explaining{io};
  std::optional<ControlSocket> control;
  std::map<std::uint64_t, ControlSocket::Reply> plans;  // being made; see Lister::answer
  std::uint64_t plans_begun = 0;
  // These threads end before what they look at.
  std::optional<boost::asio::thread_pool> planner;
  Lister text_lister, json_lister, metrics_lister;
  std::optional<MetricsServer> metrics;
};

}  // namespace lvsd
