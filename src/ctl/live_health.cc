// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl health: what the checks found out, newest result last.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <iostream>

#include "lvsd/ctl/live.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::string age(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole >= 3600) return fmt::format("{}h {}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m {}s", whole / 60, whole % 60);
  return fmt::format("{:.1f}s", seconds);
}

std::string in_a_row(const json& one) {
  const auto good = one.at("successes_in_a_row").get<unsigned>();
  const auto bad = one.at("failures_in_a_row").get<unsigned>();
  if (good == 0 && bad == 0) return "no result yet";
  return good > 0
             ? fmt::format("{} in a row fine (rise {})", good, one.at("rise").get<unsigned>())
             : fmt::format("{} in a row failed (fall {})", bad, one.at("fall").get<unsigned>());
}

void print_destination(const json& one) {
  std::string line =
      fmt::format("  {:<24} {:<9} for {:<8} {:<6} {}", one.at("destination").get<std::string>(),
                  one.at("state").get<std::string>(), age(one.at("since").get<double>()),
                  one.at("check").get<std::string>(), in_a_row(one));
  const double share = one.at("share").get<double>();
  if (share < 1) line += fmt::format(", slow start at {:.0f} %", share * 100);
  if (const auto agent = one.find("agent"); agent != one.end()) {
    line += fmt::format(", agent: {} % {} {}", agent->at("percent").get<unsigned>(),
                        agent->at("ready").get<bool>() ? "ready" : "drain",
                        agent->at("up").get<bool>() ? "up" : "down");
  }
  if (const auto expires = one.find("certificate_expires"); expires != one.end()) {
    line += fmt::format(", certificate until {:%Y-%m-%dT%H:%M:%SZ}",
                        fmt::gmtime(static_cast<std::time_t>(expires->get<std::int64_t>())));
  }
  std::cout << line << "\n";
  for (const json& result : one.at("results")) {
    std::cout << fmt::format("    {} {} {} after {:.1f} ms\n", result.at("time").get<std::string>(),
                             result.at("success").get<bool>() ? "+" : "-",
                             result.at("text").get<std::string>(),
                             result.at("milliseconds").get<double>());
  }
}

void print(const json& services) {
  for (const json& service : services) {
    std::string line = service.at("name").get<std::string>();
    if (service.at("service") != service.at("name")) {
      line += " " + service.at("service").get<std::string>();
    }
    if (!service.at("quorum").get<bool>()) line += ", quorum lost";
    if (service.at("sorry").get<bool>()) line += ", served by the sorry server";
    if (service.at("panic").get<bool>()) line += ", panic: all are used";
    std::cout << line << "\n";
    for (const json& one : service.at("destinations")) print_destination(one);
  }
}

}  // namespace

int health(const Words& words) {
  LiveCommand command(Command::health,
                      "Prints what the checks of destinations found out; with an argument, of that "
                      "destination (ADDRESS or ADDRESS:PORT) or service (its name, or "
                      "ADDRESS:PORT/tcp).");
  Words options = words;
  Request request{Command::health};
  if (!options.empty() && !options.front().starts_with('-')) {
    request.destination = options.front();
    options.erase(options.begin());
  }
  if (!command.parse(options)) return command.status();
  const auto reply = command.ask_and_print(request);
  if (!reply) return command.status();
  try {
    const json& services = reply->at("health");
    if (services.empty()) std::cout << "no destination is checked\n";
    print(services);
  } catch (const json::exception& wrong) {
    std::cerr << "lvsctl: the daemon's reply cannot be read: " << wrong.what() << "\n";
    return kNo;
  }
  return command.status();
}

}  // namespace lvsd::ctl
