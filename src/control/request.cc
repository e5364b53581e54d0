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
    case plan:
      return "plan";
    case explain:
      return "explain";
    case drops:
      return "drops";
    case trace:
      return "trace";
  }
  return "";
}

namespace {

// The texts of a request that are there, each with the commands that take it.
struct TextKey {
  std::string_view name;
  std::optional<std::string> Request::*text;
  std::array<Command, 2> commands;
};
constexpr std::array kTextKeys{
    TextKey{"service", &Request::service, {Command::zero, Command::trace}},
    TextKey{"config", &Request::config, {Command::plan, Command::plan}},
    TextKey{"packet", &Request::packet, {Command::explain, Command::explain}},
    TextKey{"client", &Request::client, {Command::trace, Command::trace}},
    TextKey{"destination", &Request::destination, {Command::trace, Command::trace}},
    TextKey{"verdict", &Request::verdict, {Command::trace, Command::trace}},
};

const TextKey* text_key(std::string_view name) {
  const auto* const found = std::ranges::find(kTextKeys, name, &TextKey::name);
  return found == kTextKeys.end() ? nullptr : found;
}

std::optional<Error> check_texts(const Request& request) {
  for (const TextKey& key : kTextKeys) {
    const bool taken = std::ranges::find(key.commands, request.command) != key.commands.end();
    if ((request.*key.text) && !taken) {
      std::string who(to_string(key.commands[0]));
      if (key.commands[0] != key.commands[1]) {
        who += " and " + std::string(to_string(key.commands[1]));
      }
      return Error{"only the command " + who + " takes a \"" + std::string(key.name) + "\""};
    }
  }
  if (request.command == Command::plan && !request.config) return Error{"plan needs a \"config\""};
  if (request.command == Command::explain && !request.packet) {
    return Error{"explain needs a \"packet\""};
  }
  return std::nullopt;
}

}  // namespace

Result<Request, Error> parse_request(std::string_view line) {
  constexpr std::size_t kStart = 32;  // where request_line() has the command
  const bool plan = line.substr(0, kStart).find("\"plan\"") != std::string_view::npos;
  if (line.size() > (plan ? kMaxRequest : kMaxShort)) {
    return fail("request is longer than " + std::to_string(plan ? kMaxRequest : kMaxShort) +
                " bytes");
  }
  // What is nested is wrong anyway; it must not take memory many times its own length.
  constexpr int kDeepest = 2;
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kDeepest; };
  const json request = json::parse(line, shallow, /*allow_exceptions=*/false);
  if (!request.is_object()) return fail("request is not a JSON object on one line");
  std::optional<Command> wanted;
  std::optional<std::uint32_t> worker, place, mark, id;
  Request parsed;
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
    } else if (key == "worker" || key == "cursor" || key == "mark" || key == "id") {
      constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) {
        return fail("\"" + key + "\" is not a number from 0 to 4294967295");
      }
      auto& number = key == "worker" ? worker : key == "cursor" ? place : key == "mark" ? mark : id;
      number = value.get<std::uint32_t>();
    } else if (const TextKey* const text = text_key(key)) {
      if (!value.is_string()) return fail("\"" + key + "\" is not a string");
      (parsed.*text->text) = value.get<std::string>();
    } else {
      return fail("unknown key " + printable(key) + " in the request");
    }
  }
  if (!wanted) return fail("request has no \"command\"; known: " + known_commands());
  if (*wanted != Command::connections && (worker || place)) {
    return fail("only the command connections takes a \"worker\" and a \"cursor\"");
  }
  if (*wanted != Command::explain && mark) return fail("only the command explain takes a \"mark\"");
  if (*wanted != Command::trace && id) return fail("only the command trace takes an \"id\"");
  parsed.command = *wanted;
  parsed.cursor = {worker.value_or(0), place.value_or(0)};
  parsed.mark = mark.value_or(0);
  parsed.id = id.value_or(0);
  if (auto wrong = check_texts(parsed)) return Unexpected{std::move(*wrong)};
  return parsed;
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
  if (request.command == Command::explain) line["mark"] = request.mark;
  if (request.command == Command::trace) line["id"] = request.id;
  for (const TextKey& key : kTextKeys) {
    if (request.*key.text) line[std::string(key.name)] = *(request.*key.text);
  }
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string control_socket(std::string_view run_dir) { return std::string(run_dir) + "/lvsd.sock"; }

}  // namespace lvsd
