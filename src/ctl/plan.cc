// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/plan.h"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lvsd/config/diff.h"
#include "lvsd/config/file.h"
#include "lvsd/control/plan.h"
#include "lvsd/ctl/client.h"
#include "lvsd/ctl/junit.h"
#include "lvsd/ctl/plan_traffic.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;
namespace po = boost::program_options;

constexpr int kChanges = 2;  // of this command alone; a wrong command line is kNo here

constexpr std::string_view kUsageText =
    "lvsctl plan [NEW.yaml] [option ...]\n"
    "       lvsctl plan OLD.yaml NEW.yaml [--pcap FILE] [option ...]\n"
    "Says what a reload would do: of the running daemon from NEW.yaml, or from one file to\n"
    "another, without a daemon, and to the connections of a capture.\n"
    "Exit status: 0 nothing; 1 a file was refused, or more than --fail-above goes elsewhere; 2\n"
    "changes; 3 no daemon.\n";

struct Settings {
  std::string old_file, new_file = "/etc/lvsd/lvsd.yaml", run_dir, report, junit, colour;
  TrafficSettings traffic;
  std::optional<double> fail_above;  // a share, 0 to 1
  bool json = false;
};

po::options_description option_table() {
  using Text = std::string;
  po::options_description table("options");
  table.add_options()("pcap", po::value<Text>(), "traffic to try both files on");
  table.add_options()("network", po::value<Text>(), "the network around the director");
  table.add_options()("at", po::value<Text>(),
                      "when in the capture the reload happens; +SECONDS counts from the first "
                      "packet; else half-way");
  table.add_options()("fail-above", po::value<Text>(),
                      "exit with 1 where more of the connections go elsewhere: 1%");
  table.add_options()("report", po::value<Text>(), "write a page of HTML with charts");
  table.add_options()("junit", po::value<Text>(),
                      "write the outcome to this file as tests, as CI systems show them");
  table.add_options()("color", po::value<Text>()->default_value("auto"), "auto, always or never");
  table.add_options()("json", "print JSON");
  table.add_options()("run-dir", po::value<Text>()->default_value("/run/lvsd"),
                      "the daemon's run directory");
  return table;
}

std::optional<double> parse_percent(std::string_view text) {
  if (text.size() < 2 || text.back() != '%') return std::nullopt;
  double value = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !(value >= 0) || value > 100) return std::nullopt;
  return value / 100;
}

Result<Settings, Error> read_settings(const ParsedOptions& parsed) {
  Settings s;
  if (parsed.rest.size() > 2) return fail("what is " + parsed.rest[2] + "?");
  if (!parsed.rest.empty()) s.new_file = parsed.rest.back();
  if (parsed.rest.size() == 2) s.old_file = parsed.rest.front();
  s.run_dir = parsed.text("run-dir");
  s.report = parsed.text("report");
  s.junit = parsed.text("junit");
  if (!s.junit.empty() && s.old_file.empty()) {
    return fail("--junit goes with two files, OLD.yaml NEW.yaml");
  }
  s.json = parsed.has("json");
  s.colour = parsed.text("color");
  if (s.colour != "auto" && s.colour != "always" && s.colour != "never") {
    return fail("--color is auto, always or never");
  }
  s.traffic = {s.old_file, s.new_file, parsed.text("pcap"), parsed.text("network"), {}};
  if (parsed.has("at")) {
    s.traffic.at = CaptureTime::parse(parsed.text("at"));
    if (!s.traffic.at) return fail("--at: seconds are expected, such as +1.5");
  }
  if (parsed.has("fail-above")) {
    s.fail_above = parse_percent(parsed.text("fail-above"));
    if (!s.fail_above) return fail("--fail-above: a percentage is expected, such as 1%");
  }
  const bool traffic = !s.traffic.pcap.empty();
  if (traffic && s.old_file.empty()) return fail("--pcap goes with two files, OLD.yaml NEW.yaml");
  if (!traffic &&
      (s.fail_above || !s.report.empty() || s.traffic.at || !s.traffic.network.empty())) {
    return fail("--network, --at, --fail-above and --report go with --pcap");
  }
  return s;
}

bool coloured(const Settings& settings) {
  if (settings.colour != "auto") return settings.colour == "always";
  return ::isatty(STDOUT_FILENO) == 1;
}

// The exit status as far as the plan alone decides it.
int print(const Settings& settings, const json& plan, const std::optional<TrafficPlan>& traffic) {
  if (settings.json) {
    json all = {{"version", kControlVersion}, {"plan", plan}};
    if (traffic) all["traffic"] = to_json(*traffic);
    std::cout << all.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  } else {
    std::cout << format_plan(plan, coloured(settings));
    if (traffic) std::cout << format_traffic(*traffic);
  }
  return plan.at("empty").get<bool>() ? kFine : kChanges;
}

std::optional<ConfigFile> load(const std::string& file) {
  auto read = load_file(file);
  if (read) return std::move(*read);
  print_problems(read.error(), file);
  return std::nullopt;
}

int plan_live(const Settings& settings) {
  if (!load(settings.new_file)) return kNo;
  std::ifstream file(settings.new_file, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  Request request{Command::plan};
  request.config = text.str();
  const auto reply = ask(settings.run_dir, request, std::chrono::seconds(30));
  if (!reply) {
    std::cerr << "lvsctl plan: " << reply.error().message << "\n";
    return reply.error().no_daemon ? kNoDaemon : kNo;
  }
  if (!reply->at("ok").get<bool>()) {
    if (settings.json) {
      std::cout << reply->dump(2, ' ', false, json::error_handler_t::replace) << "\n";
      return kNo;
    }
    std::cerr << "lvsctl plan: " << reply->value("error", "refused, without a reason") << "\n";
    for (const json& problem : reply->value("problems", json::array())) {
      std::cerr << settings.new_file << problem.get<std::string>() << "\n";
    }
    return kNo;
  }
  return print(settings, reply->at("plan"), {});
}

bool too_many(const Settings& settings, const std::optional<TrafficPlan>& traffic) {
  return settings.fail_above && traffic && traffic->share() > *settings.fail_above;
}

// The files, and what goes elsewhere, as tests. `refused`: the file that could not be read.
bool write_tests(const Settings& settings, const std::string& refused,
                 const std::optional<TrafficPlan>& traffic) {
  if (settings.junit.empty()) return true;
  std::vector<JunitCase> cases{{"can be planned"}};
  if (!refused.empty()) cases.front().failure = refused + " was refused: see the log";
  if (settings.fail_above && refused.empty()) {
    cases.push_back({"no more connections than allowed go elsewhere"});
    if (too_many(settings, traffic)) cases.back().failure = format_traffic(*traffic);
  }
  const Status written = write_junit(settings.junit, settings.new_file, cases);
  if (!written) std::cerr << "lvsctl plan: " << written.error().message << "\n";
  return written.has_value();
}

int plan_offline(const Settings& settings) {
  const auto old = load(settings.old_file), next = load(settings.new_file);
  if (!old || !next) {
    write_tests(settings, !old ? settings.old_file : settings.new_file, {});
    return kNo;
  }
  const Changes changes = diff(old->config, next->config);
  Plan planned = make_plan(changes, old->config, next->config, {});
  note_metrics(planned, old->metrics, next->metrics);
  note_checks(planned, changes, next->health);
  const json plan = to_json(planned);
  std::optional<TrafficPlan> traffic;
  if (!settings.traffic.pcap.empty()) {
    traffic = plan_traffic(settings.traffic);
    if (!traffic) {
      write_tests(settings, settings.traffic.pcap, {});
      return kNo;
    }
  }
  if (!settings.report.empty()) {
    std::ofstream file(settings.report, std::ios::binary);
    file << report_page(*traffic, plan, settings.old_file, settings.new_file) << std::flush;
    if (!file) {
      std::cerr << "lvsctl plan: " << settings.report << ": cannot be written\n";
      return kNo;
    }
  }
  const int status = print(settings, plan, traffic);
  if (!write_tests(settings, {}, traffic)) return kNo;
  if (too_many(settings, traffic)) {
    std::cerr << "lvsctl plan: more than --fail-above goes elsewhere\n";
    return kNo;
  }
  return status;
}

}  // namespace

int plan(const Words& words) {
  const ParsedOptions parsed =
      parse_options("plan", kUsageText, words, option_table(), Rest::taken);
  if (parsed.exit_status) return *parsed.exit_status == kUsage ? kNo : *parsed.exit_status;
  const auto settings = read_settings(parsed);
  if (!settings) {
    usage_error("plan", settings.error().message);
    return kNo;
  }
  try {
    return settings->old_file.empty() ? plan_live(*settings) : plan_offline(*settings);
  } catch (const json::exception&) {
    std::cerr << "lvsctl plan: the daemon's answer cannot be read\n";
    return kNo;
  }
}

}  // namespace lvsd::ctl
