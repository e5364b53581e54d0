// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "daemon_state.h"
#include "lvsd/config/diff.h"
#include "lvsd/config/workers.h"
#include "lvsd/control/words.h"
#include "lvsd/daemon/notify.h"
#include "lvsd/daemon/status.h"
#include "lvsd/io/worker_count.h"

namespace lvsd {
namespace {

using boost::system::error_code;

// A tick retries what a full mailbox refused. Rules are looked at every fifth, since backends whose
// changes nobody announces have to be back within a second (design section 4).
constexpr std::chrono::milliseconds kTick{100};
constexpr int kTicksPerWatch = 5;
constexpr int kTicksPerSecond = 10;
constexpr int kTicksPerMinute = 600;

// Asio closes what it watches, so it gets a descriptor of its own.
int duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "dup");
  return copy;
}

Config counted_workers(Config config) {
  count_workers(config.startup);
  return config;
}

Overrides load_overrides(const OverridesFile& from, const Config& file) {
  OverridesFile::Loaded loaded = from.load();
  if (!loaded.problem.empty()) spdlog::error("{}", loaded.problem);
  const std::vector<DestinationKey> gone = loaded.overrides.keep_only(file);
  for (const DestinationKey& key : gone) {
    spdlog::warn("service {}, destination {}: no longer in the file; its override is forgotten",
                 to_string(key.service), to_string(key.endpoint));
  }
  // Or they would be back with a file in which the destination is again.
  const Status saved = gone.empty() ? Status(Done{}) : from.save(loaded.overrides);
  if (!saved) spdlog::error("{}", saved.error().message);
  const std::size_t count = loaded.overrides.all().size();
  if (count > 0)
    spdlog::info("{} from {} in effect; see lvsctl drift", counted(count, "override"), from.path());
  return std::move(loaded.overrides);
}

void require(const Status& status) {
  if (!status) throw std::runtime_error(status.error().message);
}

// Before anything is captured: a destination takes nothing before its first check.
Influences influences_at_start(HealthKeeper& health, const ConfigFile& read, Overrides overrides) {
  health.take_up(health.prepare(read, overrides));
  return {.overrides = std::move(overrides), .health = health.influence()};
}

}  // namespace

Daemon::State::State(const Options& given, const ConfigFile& read, ProberProcess prober)
    : options(given),
      run_dir(options.run_dir),
      network(monitor.network()),
      file(counted_workers(read.config)),
      file_health(read.health),
      file_metrics(read.metrics),
      health(io, std::move(prober), run_dir.path()),
      overrides_file(state_dir_of(options)),
      influences(influences_at_start(health, read, load_overrides(overrides_file, file))),
      running(effective(file, influences)),
      hash(make_steering_hash(running.startup)),
      fleet(make_capture_plan(running, hash), running.startup, network),
      overload(make_capture_plan(running, hash)),
      exposure(running.startup.backend, hash, run_dir.path()),
      signals(io, SIGHUP, SIGTERM, SIGINT),
      network_events(io),
      rule_events(io),
      claim_events(io),
      timer(io) {
  signals.add(SIGUSR1);
}

void Daemon::State::start() {
  control.emplace(io, control_socket(run_dir.path()),
                  [this](std::string_view line, const Peer& peer,
                         const ControlSocket::Reply& reply) { answer(line, peer, reply); });
  open_metrics();
  for (const Problem& problem : check_steering(running)) {
    spdlog::warn("{}", to_string(problem, options.config_file));
  }
  steer(running);
  require(fleet.start(std::make_shared<const Changes>(diff({}, running))));
  if (const Status opened = exposure.open(running, *network); !opened) {
    // What of it did go in is of no use without the rest.
    if (const Status closed = exposure.close(); !closed)
      spdlog::error("{}", closed.error().message);
    require(opened);
  }
  health.begin_held_back();
  network_events.assign(duplicate(monitor.fd()));
  if (exposure.watch_fd() >= 0) rule_events.assign(duplicate(exposure.watch_fd()));
  wait_for_signal();
  wait_for_network();
  wait_for_rules();
  claim_events.assign(duplicate(exposure.claims_fd()));
  wait_for_claims();
  wait_for_tick();
}

bool Daemon::State::stop() {
  notify_stopping();
  spdlog::info("stopping");
  const Status closed = exposure.close();
  if (!closed) spdlog::error("{}", closed.error().message);
  fleet.stop();
  control.reset();
  metrics.reset();
  return closed.has_value();
}

void Daemon::State::wait_for_signal() {
  signals.async_wait([this](error_code error, int number) {
    if (error) return;
    if (number == SIGTERM || number == SIGINT) return io.stop();
    if (number == SIGHUP) reload();
    if (number == SIGUSR1) dump();
    wait_for_signal();  // a signal that came meanwhile is delivered now
  });
}

void Daemon::State::wait_for_network() {
  network_events.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this](error_code error) {
                              if (error) return;
                              if (monitor.process()) take_network();
                              wait_for_network();
                            });
}

void Daemon::State::wait_for_rules() {
  if (!rule_events.is_open()) return;
  rule_events.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](error_code error) {
                           if (error) return;
                           exposure.watch(*network);
                           wait_for_rules();
                         });
}

void Daemon::State::wait_for_claims() {
  claim_events.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](error_code error) {
                            if (error) return;
                            exposure.read_claims(*network);
                            wait_for_claims();
                          });
}

void Daemon::State::wait_for_tick() {
  timer.expires_after(kTick);
  timer.async_wait([this](error_code error) {
    if (error) return;
    tick();
    wait_for_tick();
  });
}

void Daemon::State::tick() {
  ++ticks;
  fleet.flush();
  if (health.tick()) {
    influences.health = health.influence();
    reconcile_and_say();
  }
  if (ticks % kTicksPerWatch == 0) exposure.watch(*network);
  if (ticks % kTicksPerSecond != 0) return;
  if (reconcile_due) reconcile_and_say();
  watch_overload();
  exposure.repeat_announcements();
  end_drains();
  const bool due =
      exposure.retiring(running) || (ticks % kTicksPerMinute == 0 && exposure.exceeds(running));
  if (!due) return;
  if (const auto workers = fleet.snapshot(exposure.widened(running))) {
    exposure.release(running, live_destinations(directors(*workers)), *network);
    steer(exposure.captured());
  }
}

void Daemon::State::watch_overload() {
  const auto now = OverloadWatch::Clock::now();
  for (const OverloadWatch::Notice& notice : overload.look(read_queue_table(), now)) {
    spdlog::log(notice.alarm ? spdlog::level::warn : spdlog::level::info, "{}", notice.text);
  }
}

void Daemon::State::steer(const Config& captured) {
  if (hash.workers > 1) fleet.set_steering(std::make_shared<const Steering>(hash, captured));
}

void Daemon::State::take_network() {
  const auto before = std::exchange(network, monitor.network());
  fleet.set_network(network);
  // Neighbours and routes come and go by the second; addresses are ours to watch.
  if (before->interfaces() != network->interfaces()) exposure.sync_addresses(*network);
}

std::string Daemon::State::status_line() const {
  std::size_t destinations = 0;
  for (const VirtualService& service : running.services)
    destinations += service.destinations.size();
  return counted(running.services.size(), "service") + ", " + counted(destinations, "destination") +
         ", " + counted(fleet.size(), "worker");
}

Daemon::Daemon(const Options& options, const ConfigFile& read, ProberProcess prober) {
  ::signal(SIGPIPE, SIG_IGN);  // a log reader that went away must not take us along
  state_ = std::make_unique<State>(options, read, std::move(prober));
  state_->start();
}

Daemon::~Daemon() = default;

bool Daemon::run() {
  spdlog::info("ready: {}", state_->status_line());
  notify_ready(state_->status_line());
  state_->io.run();
  return state_->stop();
}

}  // namespace lvsd
