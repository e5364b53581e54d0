// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/options.h"

#include <boost/program_options.hpp>
#include <filesystem>
#include <sstream>

#include "lvsd/control/override_request.h"

namespace lvsd {
namespace {

namespace po = boost::program_options;

po::options_description descriptions() {
  const Options defaults;
  po::options_description all("Options");
  auto add = all.add_options();
  add("config,c", po::value<std::string>()->default_value(defaults.config_file)->value_name("FILE"),
      "configuration to run with");
  add("check", "validate the configuration and exit: 0 fine, 1 refused");
  add("run-dir", po::value<std::string>()->default_value(defaults.run_dir)->value_name("DIR"),
      "lock, control socket and state; several daemons on one host need one each");
  add("state-dir", po::value<std::string>()->value_name("DIR"),
      "what outlives a restart (drains and weights set with lvsctl): /var/lib/lvsd, or with "
      "--run-dir that directory");
  add("metrics",
      po::value<std::string>()->implicit_value("127.0.0.1:9811")->value_name("[ADDRESS:PORT]"),
      "answer Prometheus there: 127.0.0.1:9811 where no address is given; off by default");
  add("log-level", po::value<std::string>()->default_value("info")->value_name("LEVEL"),
      "debug, info, warning or error");
  add("log-target", po::value<std::string>()->default_value("auto")->value_name("TARGET"),
      "stderr (with time stamps), journal (with fields), syslog, json (lines on standard error), "
      "or "
      "auto: journal under systemd");
  add("version", "print the version and exit");
  add("help,h", "print this and exit");
  return all;
}

}  // namespace

Result<Options, Error> parse_options(int argc, const char* const* argv) {
  po::variables_map given;
  try {
    const po::options_description all = descriptions();
    const po::positional_options_description none;
    po::store(po::command_line_parser(argc, argv).options(all).positional(none).run(), given);
    po::notify(given);
  } catch (const po::error& wrong) {
    return fail(wrong.what());
  }
  Options options;
  // Others are told of it, who run in other directories (lvsctl doctor).
  const std::string file = given["config"].as<std::string>();
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(file, error).lexically_normal().string();
  options.config_file = error ? file : absolute;
  options.run_dir = given["run-dir"].as<std::string>();
  if (given.count("state-dir") > 0) options.state_dir = given["state-dir"].as<std::string>();
  if (given.count("metrics") > 0) {
    const auto where = parse_named_endpoint(given["metrics"].as<std::string>());
    if (!where || !where->port) return fail("--metrics takes ADDRESS:PORT, as in 127.0.0.1:9811");
    options.metrics = Endpoint{where->address, *where->port};
  }
  options.check = given.count("check") > 0;
  options.version = given.count("version") > 0;
  options.help = given.count("help") > 0;
  const auto level = parse_log_level(given["log-level"].as<std::string>());
  if (!level) return fail("--log-level takes debug, info, warning or error");
  const auto target = parse_log_target(given["log-target"].as<std::string>());
  if (!target) return fail("--log-target takes auto, stderr, journal, syslog or json");
  options.log_level = *level;
  options.log_target = *target;
  return options;
}

std::string state_dir_of(const Options& options) {
  if (!options.state_dir.empty()) return options.state_dir;
  return options.run_dir == Options{}.run_dir ? "/var/lib/lvsd" : options.run_dir;
}

std::string usage() {
  std::ostringstream text;
  text << "usage: lvsd [-c FILE] [--check] [--run-dir DIR] [--state-dir DIR] "
          "[--metrics[=ADDRESS:PORT]] [--log-level LEVEL] "
          "[--log-target "
          "TARGET]\n"
       << descriptions() << "Signals: HUP reload, TERM and INT stop, USR1 dump state to the log.\n";
  return text.str();
}

}  // namespace lvsd
