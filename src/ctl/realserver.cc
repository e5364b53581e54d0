// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl realserver plan|apply|check|undo: run on a real server; no daemon and no director needed.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "lvsd/io/network_monitor.h"
#include "lvsd/realserver/host.h"
#include "lvsd/realserver/lasting.h"
#include "lvsd/realserver/persist.h"
#include "lvsd/realserver/state.h"
#include "realserver_options.h"

namespace lvsd::ctl {
namespace {

namespace rs = lvsd::realserver;
using nlohmann::json;
using List = std::vector<std::string>;

constexpr const char* kName = "realserver";
constexpr const char* kLastingState = "/var/lib/lvsd-realserver/files.json";
constexpr const char* kUsageText =
    "lvsctl realserver plan|apply|check|undo [-c FILE | --vip IP ... --method dr|tun|nat] "
    "[option ...]\n"
    "Sets this host up as a real server for the services of a file, or for given addresses.";

void print(const rs::Plan& plan, bool checking) {
  for (const rs::Step& step : plan.steps) {
    std::cout << (step.done  ? "there    "
                  : checking ? "MISSING  "
                             : "to do    ")
              << rs::command_text(step) << "\n         # " << step.why << "\n";
  }
  for (const std::string& note : plan.notes) std::cout << "note     " << note << "\n";
}

void print_json(const rs::Plan& plan) {
  json steps = json::array();
  for (const rs::Step& step : plan.steps) {
    steps.push_back({{"kind", rs::to_string(step.kind)},
                     {"command", rs::command_text(step)},
                     {"why", step.why},
                     {"done", step.done}});
  }
  const json answer{{"version", 1}, {"steps", steps}, {"notes", plan.notes}};
  std::cout << answer.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
}

int refuse(const std::string& message) {
  std::cerr << "lvsctl realserver: " << message << "\n";
  return kNo;
}

bool is_file(const rs::Step& step) { return step.kind == rs::StepKind::file; }

// What was done until the next boot, and the files, which are longer there.
struct Records {
  rs::State host, files;
  rs::State& of(const rs::Step& step) { return is_file(step) ? files : host; }
  // Of all runs that nobody has undone.
  rs::Lasting lasting() const {
    rs::Lasting all = files.lasting();
    all.add(host.lasting());
    all.add({{}, host.steps()});  // one that failed half-way, too
    return all;
  }
};

Records records(const ParsedOptions& options) {
  const std::string file = options.text("state");
  return {rs::State(file),
          rs::State(options.values["state"].defaulted()
                        ? kLastingState
                        : (std::filesystem::path(file).parent_path() / "files.json").string())};
}

// What a plan is made of, and what is to come back with it at the next boot.
struct Work {
  rs::Plan plan;
  List command;         // that gives this plan again
  rs::Lasting lasting;  // of all runs
  List obsolete;        // files of an earlier run that others take the place of
};

// What the others hold now: the last one first, as undo does.
Status remove_obsolete(const List& obsolete, rs::State& files) {
  for (std::size_t place = files.steps().size(); place-- > 0;) {
    const rs::Step step = files.steps()[place];
    if (std::find(obsolete.begin(), obsolete.end(), step.what) == obsolete.end()) continue;
    if (const Status taken = rs::take_back(step); !taken) return taken;
    if (const Status saved = files.drop(place); !saved) return saved;
  }
  return Done{};
}

// Once all of it is done: what did not succeed is not brought back.
Status remember(const Work& work, Records& kept) {
  const bool files = std::any_of(work.plan.steps.begin(), work.plan.steps.end(), is_file);
  if (files) {
    if (const Status removed = remove_obsolete(work.obsolete, kept.files); !removed) return removed;
    if (const Status saved = kept.files.keep(work.lasting); !saved) return saved;
  }
  return kept.host.keep({{work.command}, work.plan.steps});
}

int apply(const Work& work, Records& kept, bool quiet) {
  const rs::Plan& plan = work.plan;
  std::size_t done = 0;
  for (const rs::Step& step : plan.steps) {
    if (step.done) continue;
    rs::State& state = kept.of(step);
    const std::size_t before = state.steps().size();
    const auto place = state.add(step);
    if (!place) return refuse(place.error().message);
    if (const Status carried = rs::carry_out(step); !carried) {
      const Status dropped = state.steps().size() > before ? state.drop(*place) : Status(Done{});
      return refuse(carried.error().message + (dropped ? "" : "; " + dropped.error().message) +
                    "; what was done before stays until lvsctl realserver undo");
    }
    if (!quiet) std::cout << "done     " << rs::command_text(step) << "\n";
    ++done;
  }
  if (const Status kept_too = remember(work, kept); !kept_too) {
    return refuse(kept_too.error().message);
  }
  if (quiet) return kFine;
  for (const std::string& note : plan.notes) std::cout << "note     " << note << "\n";
  std::cout << done << " of " << plan.steps.size() << " steps were to do\n";
  return kFine;
}

int undo(rs::State& state) {
  for (std::size_t place = state.steps().size(); place-- > 0;) {
    const rs::Step step = state.steps()[place];
    if (const Status taken = rs::take_back(step); !taken) {
      std::cerr << "lvsctl realserver: " << taken.error().message << "\n";
      continue;
    }
    std::cout << "undone   " << rs::command_text(step) << "\n";
    if (const Status saved = state.drop(place); !saved) return refuse(saved.error().message);
  }
  if (state.steps().empty()) return kFine;
  return refuse("not undone: " + std::to_string(state.steps().size()) +
                (state.steps().size() == 1 ? " step stays in " : " steps stay in ") + state.file());
}

int undo(Records& kept) {
  for (rs::State* state : {&kept.files, &kept.host}) {
    if (const Status forgotten = state->forget(); !forgotten) {
      return refuse(forgotten.error().message);
    }
  }
  if (kept.host.steps().empty() && kept.files.steps().empty()) {
    std::cout << "nothing was done here (" << kept.host.file() << ")\n";
    return kFine;
  }
  const bool rebooted = kept.host.steps().empty();
  const int files = undo(kept.files);
  if (rebooted) std::cout << "note     what these files did at boot stays until the next one\n";
  const int host = undo(kept.host);
  return files == kFine ? host : files;
}

// The words that give this plan again, with paths that do not depend on a directory.
List same_again(const ParsedOptions& options) {
  std::error_code error;
  List again{std::filesystem::read_symlink("/proc/self/exe", error).string(), kName, "apply"};
  const auto add = [&again](const std::string& name, const std::string& value) {
    again.insert(again.end(), {"--" + name, value});
  };
  for (const char* name : {"config", "state"}) {
    if (!options.has(name) || options.values[name].defaulted()) continue;
    add(name, std::filesystem::absolute(options.text(name), error).string());
  }
  for (const char* name : {"vip", "director", "clients"}) {
    for (const std::string& value : list(options, name)) add(name, value);
  }
  for (const char* name :
       {"method", "address", "port", "protocol", "tunnel", "gue-port", "decap"}) {
    if (options.has(name) && !options.values[name].defaulted()) add(name, options.text(name));
  }
  return again;
}

std::optional<rs::Persistence> persistence(const ParsedOptions& options) {
  return options.has("persist") ? rs::parse_persistence(options.text("persist")) : std::nullopt;
}

void add_files(const ParsedOptions& options, rs::Persistence how, const Records& kept, Work& work) {
  std::error_code error;
  std::string root = options.text("root");
  if (!root.empty()) root = std::filesystem::absolute(root, error).string();
  std::vector<rs::Step> files = rs::persist(work.lasting, how, root);
  for (const rs::Step& earlier : kept.files.steps()) {
    const bool made = std::any_of(files.begin(), files.end(), [&earlier](const rs::Step& file) {
      return file.what == earlier.what;
    });
    if (made || !rs::is_persisted(earlier.what, root)) continue;
    work.obsolete.push_back(earlier.what);
    work.plan.notes.push_back(earlier.what + " goes: the other files hold what it did");
  }
  std::move(files.begin(), files.end(), std::back_inserter(work.plan.steps));
  work.plan.notes.push_back(rs::activation(how));
}

int act(const std::string& verb, const ParsedOptions& options, const Work& work, Records& kept) {
  const rs::Plan& plan = work.plan;
  const bool as_json = options.has("json");
  if (verb == "apply") {
    const int status = apply(work, kept, as_json);
    if (as_json) print_json(plan);
    return status;
  }
  as_json ? print_json(plan) : print(plan, verb == "check");
  if (verb == "plan") return kFine;
  const bool all = std::all_of(plan.steps.begin(), plan.steps.end(),
                               [](const rs::Step& step) { return step.done; });
  return all ? kFine : kNo;
}

Result<Work, Error> prepare(const ParsedOptions& options, const rs::Wanted& demand,
                            const Network& network, const Records& kept) {
  Work work;
  work.command = same_again(options);
  work.lasting = kept.lasting();
  const auto directory = std::filesystem::absolute(kept.host.file()).parent_path().string();
  rs::HostFacts facts = rs::read_host(network, directory);
  for (const rs::Step& step : work.lasting.steps) {
    if (step.kind == rs::StepKind::decapsulator) facts.decap_kept = step.undo;
  }
  auto plan = rs::make_plan(demand, network, facts);
  if (!plan) return Unexpected{plan.error()};
  work.plan = std::move(*plan);
  work.lasting.add({{work.command}, work.plan.steps});
  if (const auto how = persistence(options)) add_files(options, *how, kept, work);
  return work;
}

}  // namespace

int realserver(const Words& words) {
  const bool help = words.empty() || words.front() == "--help" || words.front() == "-h";
  const std::string verb = help ? "" : words.front();
  const bool known = verb == "plan" || verb == "apply" || verb == "check" || verb == "undo";
  if (!help && !known) return usage_error(kName, "it is plan, apply, check or undo");
  const Words rest = help ? Words{"--help"} : Words(words.begin() + 1, words.end());
  const ParsedOptions options = parse_options(kName, kUsageText, rest, describe_realserver());
  if (options.exit_status) return words.empty() ? kUsage : *options.exit_status;
  Records kept = records(options);
  for (rs::State* state : {&kept.host, &kept.files}) {
    if (const Status loaded = state->load(); !loaded) return refuse(loaded.error().message);
  }
  if (verb == "undo") return undo(kept);
  if (options.has("persist") && !persistence(options)) {
    return usage_error(kName, "--persist is systemd, networkd or ifupdown");
  }

  const NetworkMonitor monitor;
  const std::shared_ptr<const Network> network = monitor.network();
  const auto demand = wanted(options, *network);
  if (!demand) return refuse(demand.error().message);
  const auto work = prepare(options, *demand, *network, kept);
  if (!work) return refuse(work.error().message);
  return act(verb, options, *work, kept);
}

}  // namespace lvsd::ctl
