// SPDX-License-Identifier: GPL-2.0-or-later
// Reload: load, validate, diff, apply. Up to the diff nothing is touched, so a bad file changes
// nothing. It runs to its end on the control thread, so two never overlap; a HUP that arrives
// meanwhile waits in the signal set.
//
// Around the workers: addresses and rules of removed services that are idle go first, then the
// workers take the changes, then rules and addresses for what is new. A kept service is captured
// throughout.
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <future>

#include "daemon_state.h"
#include "lvsd/config/diff.h"
#include "lvsd/config/probe_path.h"
#include "lvsd/control/plan.h"
#include "lvsd/control/words.h"
#include "lvsd/daemon/notify.h"
#include "lvsd/daemon/status.h"
#include "lvsd/io/worker_count.h"

namespace lvsd {

// A large file takes seconds on a busy machine: a thread of lower priority than the workers' reads
// it, and meanwhile they go on hearing of neighbours and routes.
Result<ConfigFile, Problems> Daemon::State::read_file() {
  constexpr int kNice = 10;
  constexpr std::chrono::milliseconds kPause{5};
  auto reading = std::async(std::launch::async, [file = options.config_file] {
    ::setpriority(PRIO_PROCESS, 0, kNice);  // of this thread; where it may not, it goes on
    return load_file(file);
  });
  while (reading.wait_for(kPause) != std::future_status::ready) {
    if (monitor.process()) take_network();
  }
  return reading.get();
}

ReloadResult Daemon::State::reload(bool discard_overrides) {
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  notify_reloading();
  const auto start = Clock::now();
  auto next = read_file();
  const auto read = Clock::now();
  if (next) {
    count_workers(next->config.startup);
    use_probe_marks(next->config, running.startup.probe_marks);
  }
  ReloadResult result;
  if (next) {
    const Overrides before = influences.overrides;
    if (discard_overrides) influences.overrides.clear();
    forget_overrides(next->config);
    result = apply(std::move(*next));
    health.begin_held_back();
    spdlog::info("reload: read in {} ms, applied in {} ms", milliseconds(read - start),
                 milliseconds(Clock::now() - read));
    if (result.outcome == ReloadOutcome::refused) influences.overrides = before;
    if (influences.overrides != before) {
      const Status saved = overrides_file.save(influences.overrides);
      if (!saved) {
        result.outcome = ReloadOutcome::incomplete;
        result.problems.push_back(saved.error().message +
                                  "; a restart would find the overrides of before");
      }
    }
  } else {
    result.outcome = ReloadOutcome::refused;
    result.summary =
        counted(next.error().list.size(), "mistake") + "; everything goes on as before";
    for (const Problem& problem : next.error().list) {
      result.problems.push_back(to_string(problem, options.config_file));
    }
  }
  result.time = std::chrono::system_clock::now();
  for (const std::string& problem : result.problems) spdlog::error("reload: {}", problem);
  spdlog::log(result.outcome == ReloadOutcome::applied ? spdlog::level::info : spdlog::level::err,
              "reload {}: {}", to_string(result.outcome), result.summary);
  last_reload = result;
  ++reloads[static_cast<std::size_t>(result.outcome)];
  notify_ready(result.outcome == ReloadOutcome::refused
                   ? status_line() + "; last reload was refused"
                   : status_line());
  return result;
}

namespace {

// Of these the reload has to know what is alive.
std::vector<ServiceKey> touched(const Changes& changes, std::vector<ServiceKey> keys) {
  keys.insert(keys.end(), changes.removed.begin(), changes.removed.end());
  for (const ServiceChange& change : changes.changed) keys.push_back(change.next.key);
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace

ReloadResult Daemon::State::apply(ConfigFile read) {
  ReloadResult result;
  HealthKeeper::Prepared checks = health.prepare(read, influences.overrides, &file);
  Config wanted = effective(read.config, {influences.overrides, checks.influence});
  const auto changes = std::make_shared<const Changes>(diff(running, wanted));
  // A snapshot takes a worker's time by the size of the configuration: not for a weight.
  const bool edits = only_edits(*changes);
  std::optional<Live> live;
  LiveConnections connections;
  if (!edits) {
    const auto workers = fleet.snapshot(touched(*changes, exposure.widened(running)));
    if (!workers) {
      result.outcome = ReloadOutcome::refused;
      result.summary = "a worker is busy; everything goes on as before";
      result.problems.push_back(workers.error().message);
      return result;
    }
    live = live_destinations(directors(*workers));
    connections = live_connections(directors(*workers));
  }
  Plan plan = make_plan(*changes, running, wanted, connections);
  note_metrics(plan, file_metrics, read.metrics);
  note_checks(plan, *changes, read.health);
  result.summary = plan.summary;
  result.needs_restart = plan.needs_restart;
  result.changes = lines(plan, false);
  for (const std::string& line : result.changes) spdlog::info("reload: {}", line);
  for (const std::string& line : plan.consequences) spdlog::info("reload: {}", line);
  for (const std::string& key : changes->needs_restart) {
    spdlog::warn("reload: {} takes effect at the next restart only", key);
  }
  health.take_up(std::move(checks));
  influences.health = health.influence();
  const bool open_anew = file_metrics != read.metrics || (read.metrics && !metrics);
  file = std::move(read.config);
  file_health = std::move(read.health);
  file_metrics = read.metrics;
  wanted.startup = running.startup;
  const auto note = [&result](const std::string& problem) {
    result.outcome = ReloadOutcome::incomplete;
    result.problems.push_back(problem);
  };
  if (live && !changes->empty()) {
    change(wanted, *live, changes, result);
  } else if (!changes->empty()) {
    if (const Status applied = fleet.apply(changes); !applied) note(applied.error().message);
    running = std::move(wanted);
  }
  if (!open_anew) return result;
  try {
    open_metrics();
  } catch (const std::runtime_error& refused) {
    note(refused.what());
  }
  return result;
}

void Daemon::State::reconcile_and_say() {
  if (const Status done = reconcile(); !done) spdlog::error("{}", done.error().message);
}

Status Daemon::State::reconcile() {
  const Status done = try_to_reconcile();
  reconcile_due = !done;
  return done;
}

Status Daemon::State::try_to_reconcile() {
  Config wanted = effective(file, influences);
  wanted.startup = running.startup;
  auto changes = std::make_shared<const Changes>(diff(running, wanted));
  if (changes->empty()) return Done{};
  if (only_edits(*changes)) {  // weights: nothing that is captured or announced
    const Status applied = fleet.apply(changes);
    running = wanted;
    return applied;
  }
  const auto workers = fleet.snapshot(touched(*changes, exposure.widened(running)));
  if (!workers) return fail(workers.error().message);
  ReloadResult result;
  change(wanted, live_destinations(directors(*workers)), changes, result);
  for (const std::string& problem : result.problems) spdlog::error("{}", problem);
  return result.problems.empty() ? Status(Done{}) : fail(result.problems.front());
}

void Daemon::State::change(const Config& next, const Live& live,
                           const std::shared_ptr<const Changes>& changes, ReloadResult& result) {
  const std::vector<ServiceKey> keys = touched(*changes, exposure.widened(running));
  result.problems = exposure.before_reload(next, live, *network);
  if (hash.workers > 1) steer(with_retired(exposure.captured(), next, live));
  if (const Status applied = fleet.apply(changes); !applied) {
    result.problems.push_back(applied.error().message);
  }
  running = next;
  // Connections that started between the two snapshots count too.
  const auto after = fleet.snapshot(keys);
  const Live still = after ? live_destinations(directors(*after)) : live;
  for (std::string& problem : exposure.after_reload(next, still, *network)) {
    result.problems.push_back(std::move(problem));
  }
  steer(exposure.captured());
  if (!result.problems.empty()) result.outcome = ReloadOutcome::incomplete;
}

}  // namespace lvsd
