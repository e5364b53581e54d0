// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/control/request.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace lvsd {
namespace {

using nlohmann::json;

std::string known_commands() {
  std::string names;
  for (const Command command : kCommands) {
    if (!names.empty()) names += ", ";
    names += to_string(command);
  }
  return names;
}

// A hostile string quoted in a message: shortened, and without what could garble a terminal or log.
std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown(text.substr(0, kShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + shown + (text.size() > kShown ? "...'" : "'");
}

}  // namespace

std::string_view to_string(Command command) {
  using enum Command;
  switch (command) {
    case list:
      return "list";
    case connections:
      return "connections";
    case status:
      return "status";
    case rules:
      return "rules";
    case network:
      return "network";
    case reload:
      return "reload";
    case zero:
      return "zero";
  }
  return "";
}

Result<Request, Error> parse_request(std::string_view line) {
  if (line.size() > kMaxRequest) return fail("request is longer than 65536 bytes");
  const json request = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object()) return fail("request is not a JSON object on one line");
  std::optional<Command> wanted;
  std::optional<std::uint32_t> worker, place;
  std::optional<std::string> service;
  for (const auto& [key, value] : request.items()) {
    if (key == "version") {
      if (!value.is_number_integer() || value != kControlVersion) {
        return fail("this daemon speaks version 1 of the control protocol only");
      }
    } else if (key == "command") {
      if (!value.is_string()) return fail("\"command\" is not a string");
      const std::string& name = value.get_ref<const std::string&>();
      const auto* found = std::find_if(kCommands.begin(), kCommands.end(),
                                       [&](Command c) { return to_string(c) == name; });
      if (found == kCommands.end()) {
        return fail("unknown command " + printable(name) + "; known: " + known_commands());
      }
      wanted = *found;
    } else if (key == "worker" || key == "cursor") {
      constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) {
        return fail("\"" + key + "\" is not a number from 0 to 4294967295");
      }
      (key == "worker" ? worker : place) = value.get<std::uint32_t>();
    } else if (key == "service") {
      if (!value.is_string()) return fail("\"service\" is not a string");
      service = value.get<std::string>();
    } else {
      return fail("unknown key " + printable(key) + " in the request");
    }
  }
  if (!wanted) return fail("request has no \"command\"; known: " + known_commands());
  if (*wanted != Command::connections && (worker || place)) {
    return fail("only the command connections takes a \"worker\" and a \"cursor\"");
  }
  if (*wanted != Command::zero && service) {
    return fail("only the command zero takes a \"service\"");
  }
  return Request{*wanted, {worker.value_or(0), place.value_or(0)}, service};
}

std::string error_reply(std::string_view sentence) {
  return json{{"version", kControlVersion}, {"ok", false}, {"error", sentence}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

std::string request_line(const Request& request) {
  json line = {{"version", kControlVersion}, {"command", to_string(request.command)}};
  if (request.command == Command::connections) {
    line["worker"] = request.cursor.worker;
    line["cursor"] = request.cursor.place;
  }
  if (request.service) line["service"] = *request.service;
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string control_socket(std::string_view run_dir) { return std::string(run_dir) + "/lvsd.sock"; }

}  // namespace lvsd
