// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl check: what `lvsd --check` says, for those who have no daemon installed, and more: the
// file with its defaults, the network that it needs, and JSON.
#include <iostream>
#include <nlohmann/json.hpp>

#include "lvsd/config/load.h"
#include "lvsd/ctl/options.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

constexpr std::string_view kUsageText =
    "lvsctl check [-c FILE] [--network NET] [--show] [--json]\n"
    "Validates a configuration file; the same file gets the same answer everywhere.\n"
    "Exit status: 0 it is fine, 1 it is refused.\n";

Json as_json(const std::vector<Problem>& problems) {
  Json out = Json::array();
  for (const Problem& p : problems) {
    out.push_back({{"line", p.line},
                   {"column", p.column},
                   {"path", p.path},
                   {"what", p.what},
                   {"remedy", p.remedy}});
  }
  return out;
}

void print_json(const std::string& file, const std::vector<Problem>& problems,
                const std::vector<Problem>& warnings) {
  const Json out{{"version", 1},
                 {"file", file},
                 {"result", problems.empty() ? "fine" : "refused"},
                 {"problems", as_json(problems)},
                 {"warnings", as_json(warnings)}};
  std::cout << out.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

int refuse(const std::string& file, const Problems& problems, bool json) {
  if (json) print_json(file, problems.list, {});
  if (!json) {
    for (const Problem& problem : problems.list) std::cerr << to_string(problem, file) << "\n";
  }
  return kNo;
}

}  // namespace

int check(const Words& words) {
  po::options_description options("options");
  options.add_options()("config,c", po::value<std::string>()->default_value("/etc/lvsd/lvsd.yaml"),
                        "the file")(
      "network", po::value<std::string>(),
      "warn about what the file needs of this network (a file as lvsctl network prints it)")(
      "show", "print the file with every default filled in")("json", "print the result as JSON");
  const ParsedOptions parsed = parse_options("check", kUsageText, words, options);
  if (parsed.exit_status) return *parsed.exit_status;
  const bool json = parsed.has("json"), show = parsed.has("show");
  if (json && show) return usage_error("check", "--show and --json exclude each other");

  const std::string file = parsed.text("config");
  const auto config = load_config(file);
  if (!config) return refuse(file, config.error(), json);
  std::vector<Problem> warnings;
  if (parsed.has("network")) {
    const std::string network_file = parsed.text("network");
    const auto network = load_network(network_file);
    if (!network) return refuse(network_file, network.error(), json);
    warnings = check_against(*config, *network);
  }
  if (json) {
    print_json(file, {}, warnings);
    return kFine;
  }
  for (const Problem& warning : warnings) {
    std::cerr << "warning: " << to_string(warning, file) << "\n";
  }
  std::cout << (show ? show_config(*config) : file + ": fine\n");
  return kFine;
}

}  // namespace lvsd::ctl
