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

bool changes_something(Command command) {
  using enum Command;
  switch (command) {
    case list:
    case connections:
    case status:
    case rules:
    case network:
    case plan:
    case explain:
    case drops:
    case trace:
    case health:
    case drift:
    case decisions:
      return false;
    case reload:
    case zero:
    case drain:
    case undrain:
    case weight:
      return true;
  }
  return true;
}

bool shows_packets(Command command) {
  return command == Command::drops || command == Command::trace;
}

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
    case drain:
      return "drain";
    case undrain:
      return "undrain";
    case weight:
      return "weight";
    case drift:
      return "drift";
    case decisions:
      return "decisions";
    case health:
      return "health";
  }
  return "";
}

namespace {

// The texts of a request that are there.
struct TextKey {
  std::string_view name;
  std::optional<std::string> Request::*text;
};
constexpr std::array kTextKeys{
    TextKey{"service", &Request::service},
    TextKey{"config", &Request::config},
    TextKey{"packet", &Request::packet},
    TextKey{"client", &Request::client},
    TextKey{"destination", &Request::destination},
    TextKey{"verdict", &Request::verdict},
    TextKey{"form", &Request::form},
};

const TextKey* text_key(std::string_view name) {
  const auto* const found = std::ranges::find(kTextKeys, name, &TextKey::name);
  return found == kTextKeys.end() ? nullptr : found;
}

bool overrides(Command command) {
  return command == Command::drain || command == Command::undrain || command == Command::weight;
}

// Which commands take a key that there is.
bool takes(Command command, std::string_view key) {
  using enum Command;
  if (key == "worker" || key == "cursor") return command == connections;
  if (key == "mark" || key == "packet") return command == explain;
  if (key == "id" || key == "client" || key == "verdict") return command == trace;
  if (key == "config") return command == plan;
  if (key == "form") return command == list;
  if (key == "service")
    return command == list || command == zero || command == trace || command == decisions ||
           overrides(command);
  if (key == "destination") return command == trace || command == health || overrides(command);
  if (key == "discard_overrides") return command == reload;
  if (key == "weight") return command == weight;
  return command == drain;  // deadline, on_deadline, clients
}

std::string_view needed_by(Command command) {
  if (command == Command::plan) return "config";
  if (command == Command::explain) return "packet";
  return overrides(command) ? "destination" : "";
}

Result<Command, Error> read_command(const json& value) {
  if (!value.is_string()) return fail("\"command\" is not a string");
  const std::string& name = value.get_ref<const std::string&>();
  const auto* found = std::find_if(kCommands.begin(), kCommands.end(),
                                   [&](Command c) { return to_string(c) == name; });
  if (found != kCommands.end()) return *found;
  return fail("unknown command " + printable(name) + "; known: " + known_commands());
}

std::uint32_t* number_key(Request& request, std::string_view key) {
  if (key == "worker") return &request.cursor.worker;
  if (key == "cursor") return &request.cursor.place;
  if (key == "mark") return &request.mark;
  return key == "id" ? &request.id : nullptr;
}

Status read_field(Request& request, const std::string& key, const json& value) {
  if (std::uint32_t* const number = number_key(request, key)) {
    constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMost) {
      return fail("\"" + key + "\" is not a number from 0 to 4294967295");
    }
    *number = value.get<std::uint32_t>();
  } else if (const TextKey* const text = text_key(key)) {
    if (!value.is_string()) return fail("\"" + key + "\" is not a string");
    (request.*text->text) = value.get<std::string>();
  } else if (key == "discard_overrides") {
    if (!value.is_boolean()) return fail("\"discard_overrides\" is neither true nor false");
    request.discard_overrides = value.get<bool>();
  } else {
    const auto taken = take_field(request.override, key, value);
    if (!taken) return fail(taken.error().message);
    if (!*taken) return fail("unknown key " + printable(key) + " in the request");
  }
  return Done{};
}

Status check_keys(Request& request, const json& fields) {
  const std::string command(to_string(request.command));
  for (const auto& [key, value] : fields.items()) {
    if (key == "version" || key == "command" || takes(request.command, key)) continue;
    return fail("the command " + command + " takes no " + printable(key));
  }
  const std::string needed(needed_by(request.command));
  if (!needed.empty() && !fields.contains(needed)) {
    return fail("the command " + command + " needs a \"" + needed + "\"");
  }
  if (!overrides(request.command)) return Done{};
  request.override.destination = *request.destination;
  if (parse_named_endpoint(*request.destination)) return Done{};
  return fail("\"destination\" is not an address, or an address and a port");
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
  const json fields = json::parse(line, shallow, /*allow_exceptions=*/false);
  if (!fields.is_object()) return fail("request is not a JSON object on one line");
  Request request;
  std::optional<Command> wanted;
  for (const auto& [key, value] : fields.items()) {
    if (key == "version") {
      if (!value.is_number_integer() || value != kControlVersion) {
        return fail("this daemon speaks version 1 of the control protocol only");
      }
    } else if (key == "command") {
      const auto command = read_command(value);
      if (!command) return fail(command.error().message);
      wanted = *command;
    } else if (const Status read = read_field(request, key, value); !read) {
      return fail(read.error().message);
    }
  }
  if (!wanted) return fail("request has no \"command\"; known: " + known_commands());
  request.command = *wanted;
  if (const Status fit = check_keys(request, fields); !fit) return fail(fit.error().message);
  return request;
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
  if (request.discard_overrides) line["discard_overrides"] = true;
  put_fields(line, request.override);
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string control_socket(std::string_view run_dir) { return std::string(run_dir) + "/lvsd.sock"; }

}  // namespace lvsd
