// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl check [-c FILE | FILE] [--network NET.yaml] [--show] [--json]
#include "lvsd/config/check.h"

#include <boost/program_options.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "lvsd/config/file.h"
#include "lvsd/config/workers.h"
#include "lvsd/ctl/options.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;

constexpr const char* kDefaultFile = "/etc/lvsd/lvsd.yaml";

struct Options {
  std::string file = kDefaultFile, network;
  bool show = false, json = false, help = false;
};

po::options_description describe_options(Options& options) {
  po::options_description described;
  auto add = described.add_options();
  add("config,c", po::value(&options.file)->value_name("FILE"), "the file (/etc/lvsd/lvsd.yaml)");
  add("network", po::value(&options.network)->value_name("FILE"),
      "warn of what this network does not give");
  add("show", po::bool_switch(&options.show), "print the file with every default filled in");
  add("json", po::bool_switch(&options.json), "print the answer as JSON");
  add("help,h", po::bool_switch(&options.help), "print this");
  return described;
}

nlohmann::json to_json(const std::vector<Problem>& problems) {
  nlohmann::json list = nlohmann::json::array();
  for (const Problem& problem : problems) {
    list.push_back({{"line", problem.line},
                    {"column", problem.column},
                    {"path", problem.path},
                    {"what", problem.what},
                    {"remedy", problem.remedy}});
  }
  return list;
}

// What a check found: of the file, of the network file, and of the one against the other.
struct Findings {
  std::optional<Config> config;
  std::string shown;  // with every default
  std::vector<Problem> problems, network_problems, warnings;
  bool good() const { return config.has_value() && network_problems.empty(); }
};

Findings find(const Options& options) {
  Findings found;
  Result<ConfigFile, Problems> config = load_file(options.file);
  if (config) {
    if (options.show) found.shown = show_file(*config);
    found.config = std::move(config->config);
  } else {
    found.problems = config.error().list;
  }
  if (found.config) found.warnings = check_steering(*found.config);
  if (options.network.empty()) return found;
  const Result<Network, Problems> network = load_network(options.network);
  if (!network) {
    found.network_problems = network.error().list;
  } else if (found.config) {
    for (Problem& problem : check_against(*found.config, *network)) {
      found.warnings.push_back(std::move(problem));
    }
  }
  return found;
}

void print_json(const Options& options, const Findings& found) {
  nlohmann::json answer{{"version", 1},
                        {"file", options.file},
                        {"ok", found.good()},
                        {"problems", to_json(found.problems)},
                        {"network_problems", to_json(found.network_problems)},
                        {"warnings", to_json(found.warnings)}};
  if (found.config) {
    std::size_t destinations = 0;
    for (const VirtualService& service : found.config->services) {
      destinations += service.destinations.size();
    }
    answer["services"] = found.config->services.size();
    answer["destinations"] = destinations;
    if (options.show) answer["config"] = found.shown;
  }
  // File names and their pieces in messages need not be UTF-8.
  std::cout << answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_text(const Options& options, const Findings& found) {
  print(std::cerr, options.file, found.problems);
  print(std::cerr, options.network, found.network_problems);
  print(std::cerr, options.file, found.warnings, "warning: ");
  if (!found.config) return;
  if (options.show) {
    std::cout << found.shown;
  } else {
    std::cout << summary(options.file, *found.config) << '\n';
  }
}

}  // namespace

int check(const Words& words) {
  Options options;
  const po::options_description described = describe_options(options);
  po::positional_options_description positional;
  positional.add("config", 1);
  // As for the other commands: no abbreviations.
  constexpr auto kStyle = static_cast<po::command_line_style::style_t>(
      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing);
  try {
    po::variables_map map;
    po::store(po::command_line_parser(words)
                  .options(described)
                  .positional(positional)
                  .style(kStyle)
                  .run(),
              map);
    po::notify(map);
  } catch (const po::error& error) {
    return usage_error("check", error.what());
  }
  if (options.help) {
    std::cout << "usage: lvsctl check [-c FILE | FILE] [--network FILE] [--show] [--json]\n"
              << described;
    return kFine;
  }
  const Findings found = find(options);
  options.json ? print_json(options, found) : print_text(options, found);
  return found.good() ? kFine : kNo;
}

}  // namespace lvsd::ctl
