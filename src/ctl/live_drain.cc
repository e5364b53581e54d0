// SPDX-License-Identifier: GPL-2.0-or-later
// drain, undrain, weight and drift: what differs from the file at run time.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <thread>

#include "lvsd/control/words.h"
#include "lvsd/ctl/drift_format.h"
#include "lvsd/ctl/live.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kBetweenLooks{1};

// "90", "90s", "30m", "2h": seconds.
std::optional<std::uint32_t> parse_seconds(std::string_view text) {
  std::uint32_t unit = 1;
  if (!text.empty() && !(text.back() >= '0' && text.back() <= '9')) {
    constexpr std::string_view kUnits = "smhd";
    constexpr std::array<std::uint32_t, 4> kSeconds{1, 60, 3600, 86400};
    const std::size_t which = kUnits.find(text.back());
    if (which == std::string_view::npos) return std::nullopt;
    unit = kSeconds[which];
    text.remove_suffix(1);
  }
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (number > 366U * 86400 / unit) return std::nullopt;
  return number * unit;
}

// What each of these has: DEST and --service. False where it cannot be asked.
class OverrideCommand : public LiveCommand {
 public:
  OverrideCommand(Command command, const std::string& purpose) : LiveCommand(command, purpose) {
    request.command = command;
    add_options()("service", po::value<std::string>()->value_name("NAME"),
                  "of this service only; else wherever DEST is");
  }
  bool read(const Words& words, std::vector<const char*> names) {
    names.insert(names.begin(), "DEST");
    if (!parse(words, names)) return false;
    if (!given("DEST")) return refuse("name the destination, as in 10.0.0.11 or 10.0.0.11:80");
    if (!parse_named_endpoint(text("DEST"))) {
      return refuse("'" + text("DEST") + "' is no destination; write 10.0.0.11 or 10.0.0.11:80");
    }
    request.override.destination = text("DEST");
    if (given("service")) request.service = text("service");
    return true;
  }

  Request request;
};

int show_changed(LiveCommand& command, const json& reply) {
  if (command.given("json")) {
    std::cout << reply.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  } else {
    std::cout << counted(reply.value("changed", std::uint64_t{0}), "destination") << " changed\n"
              << format_drift(reply);
  }
  return kFine;
}

struct Draining {
  std::size_t destinations = 0;
  std::uint64_t open_connections = 0;
};

// What the request drains, as the daemon tells now.
Draining draining(const json& reply, const Request& request) {
  const auto named = parse_named_endpoint(request.override.destination);
  Draining sum;
  for (const json& each : reply.at("drift")) {
    const auto other = parse_named_endpoint(each.at("destination").get<std::string>());
    const bool same_service = !request.service || each.at("service") == *request.service ||
                              each.at("key") == *request.service;
    if (!other || !other->port || !same_service || !each.contains("drain")) continue;
    if (!named->matches({other->address, *other->port})) continue;
    ++sum.destinations;
    sum.open_connections += each.at("open_connections").get<std::uint64_t>();
  }
  return sum;
}

// With --json, standard output has the reply to the drain and nothing behind it.
int wait_for_end(OverrideCommand& command) {
  const bool progress = !command.given("json");
  std::optional<std::size_t> destinations;  // that it drained at first
  while (true) {
    const auto reply = command.ask(Request{Command::drift});
    if (!reply) return command.failure();
    const Draining now = draining(*reply, command.request);
    if (now.destinations < destinations.value_or(1)) {
      std::cerr << "lvsctl: " << command.request.override.destination
                << " is no longer drained: somebody ended that, or it left the configuration\n";
      return kNo;
    }
    destinations = now.destinations;
    if (now.open_connections == 0) {
      if (progress) std::cout << "no open connections are left\n";
      return kFine;
    }
    if (progress) {
      std::cerr << "\r" << counted(now.open_connections, "open connection") << " left   "
                << std::flush;
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace

int drain(const Words& words) {
  OverrideCommand command(Command::drain,
                          "Gives a destination no new connections, until undrain; outlives reload "
                          "and restart.");
  command.add_options()("deadline", po::value<std::string>()->value_name("TIME"),
                        "when --on-deadline happens, from now: 90s, 30m, 2h")(
      "on-deadline", po::value<std::string>()->value_name("WHAT"),
      "to the connections left then: keep (the default), reset, or move (as reset, and UDP goes "
      "elsewhere)")("clients", po::value<std::string>()->value_name("WHAT"),
                    "clients that a persistent service remembers: keep (the default) or move")(
      "wait", "until no open connection is left");
  if (!command.read(words, {})) return command.status();
  OverrideRequest& asked = command.request.override;
  if (command.given("deadline")) {
    asked.deadline = parse_seconds(command.text("deadline"));
    if (!asked.deadline) command.refuse("--deadline takes a time such as 90s, 30m or 2h");
  }
  if (command.given("on-deadline")) {
    const auto ending = parse_ending(command.text("on-deadline"));
    if (!ending) command.refuse("--on-deadline takes keep, reset or move");
    if (!command.given("deadline")) command.refuse("--on-deadline needs a --deadline");
    asked.on_deadline = ending.value_or(Ending::keep);
  }
  if (command.given("clients")) {
    const std::string& clients = command.text("clients");
    if (clients != "keep" && clients != "move") command.refuse("--clients takes keep or move");
    asked.keeps_clients = clients == "keep";
  }
  if (command.status() != kFine) return command.status();
  const auto reply = command.ask(command.request);
  if (!reply) return command.failure();
  const int status = show_changed(command, *reply);
  return command.given("wait") ? wait_for_end(command) : status;
}

int undrain(const Words& words) {
  OverrideCommand command(Command::undrain, "Ends a drain: the destination is as the file says.");
  if (!command.read(words, {})) return command.status();
  const auto reply = command.ask(command.request);
  return reply ? show_changed(command, *reply) : command.failure();
}

int weight(const Words& words) {
  OverrideCommand command(Command::weight,
                          "Gives a destination another weight than the file does.");
  command.add_options()("reset", "the file's weight again");
  if (!command.read(words, {"WEIGHT"})) return command.status();
  if (command.given("reset") == command.given("WEIGHT")) {
    command.refuse("name a weight, or --reset");
    return command.status();
  }
  if (command.given("WEIGHT")) {
    const std::string& digits = command.text("WEIGHT");
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) {
      command.refuse("a weight is a number from 0 to 65535");
      return command.status();
    }
    command.request.override.weight = number;
  }
  const auto reply = command.ask(command.request);
  return reply ? show_changed(command, *reply) : command.failure();
}

int drift(const Words& words) {
  LiveCommand command(Command::drift, "Shows what was changed at run time and is not in the file.");
  const auto reply = command.ask(words);
  if (reply) std::cout << format_drift(*reply);
  return command.status();
}

}  // namespace lvsd::ctl
