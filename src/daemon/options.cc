// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/options.h"

#include <boost/program_options.hpp>
#include <sstream>

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
  add("log-level", po::value<std::string>()->default_value("info")->value_name("LEVEL"),
      "debug, info, warning or error");
  add("log-target", po::value<std::string>()->default_value("auto")->value_name("TARGET"),
      "stderr (with time stamps), journal (with priorities), or auto: journal under systemd");
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
  options.config_file = given["config"].as<std::string>();
  options.run_dir = given["run-dir"].as<std::string>();
  options.check = given.count("check") > 0;
  options.version = given.count("version") > 0;
  options.help = given.count("help") > 0;
  const auto level = parse_log_level(given["log-level"].as<std::string>());
  if (!level) return fail("--log-level takes debug, info, warning or error");
  const auto target = parse_log_target(given["log-target"].as<std::string>());
  if (!target) return fail("--log-target takes auto, stderr or journal");
  options.log_level = *level;
  options.log_target = *target;
  return options;
}

std::string usage() {
  std::ostringstream text;
  text << "usage: lvsd [-c FILE] [--check] [--run-dir DIR] [--log-level LEVEL] [--log-target "
          "TARGET]\n"
       << descriptions() << "Signals: HUP reload, TERM and INT stop, USR1 dump state to the log.\n";
  return text.str();
}

}  // namespace lvsd
