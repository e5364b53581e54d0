// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl realserver plan|apply|check|undo: run on a real server; no daemon and no director needed.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "lvsd/config/check.h"
#include "lvsd/ctl/options.h"
#include "lvsd/io/network_monitor.h"
#include "lvsd/realserver/host.h"
#include "lvsd/realserver/lasting.h"
#include "lvsd/realserver/persist.h"
#include "lvsd/realserver/state.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;
namespace rs = lvsd::realserver;
using nlohmann::json;
using List = std::vector<std::string>;

constexpr const char* kName = "realserver";
constexpr const char* kLastingState = "/var/lib/lvsd-realserver/files.json";
constexpr const char* kUsageText =
    "lvsctl realserver plan|apply|check|undo [-c FILE | --vip IP ... --method dr|tun|nat] "
    "[option ...]\n"
    "Sets this host up as a real server for the services of a file, or for given addresses.";

po::options_description describe_options() {
  po::options_description described("Options");
  auto add = described.add_options();
  add("config,c", po::value<std::string>()->value_name("FILE"), "lvsd.yaml of the director");
  add("vip", po::value<List>()->value_name("IP")->composing(), "a virtual address, without a file");
  add("method", po::value<std::string>()->value_name("METHOD"), "dr, tun or nat, with --vip");
  add("address", po::value<std::string>()->value_name("IP"),
      "this host's own address as destination, with --vip (nat: the one to answer from)");
  add("port", po::value<std::uint16_t>()->value_name("PORT"), "the destination's port, with --vip");
  add("protocol", po::value<std::string>()->value_name("NAME")->default_value("tcp"),
      "tcp, udp or sctp, with --vip");
  add("tunnel", po::value<std::string>()->value_name("KIND")->default_value("ipip"),
      "ipip, gre or gue, with --vip");
  add("director", po::value<List>()->value_name("IP")->composing(),
      "an address of the director's: the way back of nat, and whose tunnels to trust");
  add("clients", po::value<List>()->value_name("NETWORK")->composing(),
      "a network of clients that this host is on, too (nat)");
  add("decap", po::value<std::string>()->value_name("WHO")->default_value("auto"),
      "who takes tunnels apart: kernel, lvsd, or auto: the kernel where it can");
  add("persist", po::value<std::string>()->value_name("HOW"),
      "also write files for the next boot: systemd, networkd or ifupdown");
  add("root", po::value<std::string>()->value_name("DIR")->default_value(""),
      "write these files below DIR");
  add("state",
      po::value<std::string>()->value_name("FILE")->default_value(
          "/run/lvsd-realserver/state.json"),
      "where it is kept what was done");
  add("json", "print JSON");
  return described;
}

List list(const ParsedOptions& options, const char* name) {
  return options.has(name) ? options.values[name].as<List>() : List();
}

Result<IpAddress, Error> address_of(const std::string& option, const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (address) return *address;
  return fail("--" + option + " " + text + ": not an IP address");
}

Result<ForwardingMethod, Error> method_of(const ParsedOptions& options) {
  const auto method = parse_method(options.text("method"));
  if (!method) return fail("--method is dr, tun or nat");
  if (!std::holds_alternative<Tunnel>(*method)) return *method;
  const std::string kind = options.text("tunnel");
  for (const auto encapsulation : {Encapsulation::ipip, Encapsulation::gue, Encapsulation::gre}) {
    if (kind == to_string(encapsulation)) {
      return ForwardingMethod(Tunnel{.encapsulation = encapsulation});
    }
  }
  return fail("--tunnel " + kind + ": it is ipip, gre or gue");
}

// This host's address towards its gateway, or its first one.
Result<IpAddress, Error> own_address(const Network& network, bool v4) {
  for (const Interface& interface : network.interfaces()) {
    if (interface.loopback) continue;
    for (const InterfaceAddress& own : interface.addresses) {
      if (own.address.is_v4() == v4 && !own.address.is_link_local()) return own.address;
    }
  }
  return fail(std::string("this host has no IPv") + (v4 ? "4" : "6") + " address; see --address");
}

Result<std::vector<rs::Role>, Error> given_roles(const ParsedOptions& options,
                                                 const Network& network) {
  const auto method = method_of(options);
  if (!method) return Unexpected{method.error()};
  const auto protocol = parse_protocol(options.text("protocol"));
  if (!protocol) return fail("--protocol is tcp, udp or sctp");
  std::vector<rs::Role> roles;
  for (const std::string& text : list(options, "vip")) {
    const auto vip = address_of("vip", text);
    if (!vip) return Unexpected{vip.error()};
    const auto own = options.has("address") ? address_of("address", options.text("address"))
                                            : own_address(network, vip->is_v4());
    if (!own) return Unexpected{own.error()};
    rs::Role role{"--vip " + text, *vip, *own, *method, *protocol, {}};
    if (options.has("port")) role.port = Port(options.values["port"].as<std::uint16_t>());
    roles.push_back(std::move(role));
  }
  return roles;
}

Result<std::vector<rs::Role>, Error> wanted_roles(const ParsedOptions& options,
                                                  const Network& network) {
  if (options.has("vip")) return given_roles(options, network);
  const std::string file = options.has("config") ? options.text("config") : "/etc/lvsd/lvsd.yaml";
  const auto config = load_config(file);
  if (!config) return fail(to_string(config.error().list.front(), file));
  return rs::roles_of(*config, network);
}

Result<rs::Wanted, Error> wanted(const ParsedOptions& options, const Network& network) {
  rs::Wanted out;
  auto roles = wanted_roles(options, network);
  if (!roles) return Unexpected{roles.error()};
  out.roles = std::move(*roles);
  out.adds = options.has("vip");
  for (const std::string& text : list(options, "director")) {
    const auto address = address_of("director", text);
    if (!address) return Unexpected{address.error()};
    out.directors.push_back(*address);
  }
  for (const std::string& text : list(options, "clients")) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) return fail("--clients " + text + ": not a network");
    out.clients.push_back(*prefix);
  }
  const std::string who = options.text("decap");
  if (who == "kernel") out.decapsulator = rs::Decapsulator::kernel;
  if (who == "lvsd") out.decapsulator = rs::Decapsulator::lvsd;
  if (who != "auto" && out.decapsulator == rs::Decapsulator::automatic) {
    return fail("--decap is kernel, lvsd or auto");
  }
  return out;
}

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
  std::cout << json{{"steps", steps}, {"notes", plan.notes}}.dump(2, ' ', false,
                                                                  json::error_handler_t::replace)
            << "\n";
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
    if (const Status saved = state.add(step); !saved) return refuse(saved.error().message);
    if (const Status carried = rs::carry_out(step); !carried) {
      const Status dropped = state.steps().size() > before ? state.drop(before) : Status(Done{});
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
  for (const char* name : {"method", "address", "protocol", "tunnel", "decap"}) {
    if (options.has(name) && !options.values[name].defaulted()) add(name, options.text(name));
  }
  if (options.has("port")) add("port", std::to_string(options.values["port"].as<std::uint16_t>()));
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
  const ParsedOptions options = parse_options(kName, kUsageText, rest, describe_options());
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
