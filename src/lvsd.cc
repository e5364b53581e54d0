// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd: the director behind NFQUEUE. This file only joins the parts; see lvsd(8).
#include <spdlog/spdlog.h>

#include <iostream>

#include "lvsd/config/check.h"
#include "lvsd/daemon/daemon.h"
#include "lvsd/daemon/options.h"
#include "lvsd/daemon/peer.h"
#include "lvsd/daemon/privileges.h"

namespace {

constexpr int kFine = 0, kRefused = 1, kUsage = 2;

int run(const lvsd::Options& options) {
  lvsd::open_log(options.log_level, options.log_target);
  auto prober = lvsd::start_prober();  // while this is one thread, and may become another user
  if (!prober) {
    spdlog::critical("{}", prober.error().message);
    return kRefused;
  }
  if (prober->user.empty()) {
    spdlog::warn("health checks run as this user: neither lvsd nor nobody could be become");
  }
  if (!lvsd::join_readers()) {
    spdlog::warn("cannot join the group lvsd: the control socket is root's alone");
  }
  if (const lvsd::Status dropped = lvsd::drop_privileges(); !dropped) {
    spdlog::critical("{}", dropped.error().message);
    return kRefused;
  }
  const auto config = lvsd::load_file(options.config_file);
  if (!config) {
    for (const lvsd::Problem& problem : config.error().list) {
      spdlog::critical("{}", to_string(problem, options.config_file));
    }
    return kRefused;
  }
  try {
    lvsd::Daemon daemon(options, *config, std::move(*prober));
    return daemon.run() ? kFine : kRefused;
  } catch (const std::exception& failure) {
    spdlog::critical("{}", failure.what());
    return kRefused;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = lvsd::parse_options(argc, argv);
  if (!options) {
    std::cerr << "lvsd: " << options.error().message << "\n" << lvsd::usage();
    return kUsage;
  }
  if (options->help) {
    std::cout << lvsd::usage();
    return kFine;
  }
  if (options->version) {
    std::cout << "lvsd " << LVSD_VERSION << "\n";
    return kFine;
  }
  if (!options->check) return run(*options);
  return lvsd::check_file(options->config_file, std::cout, std::cerr) ? kFine : kRefused;
}
