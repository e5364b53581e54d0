// SPDX-License-Identifier: GPL-2.0-or-later
// What lvsctl asks of a running daemon: one JSON object per line on the control socket, answered by
// one JSON object per line. Both programs use this; the daemon treats every line as hostile.
//
//   {"command": "list"}
//   {"command": "connections", "worker": 0, "cursor": 0}    the first page; a reply names the
//   "next"
//   {"command": "zero", "service": "web"}                   without a service: all
//   {"version": 1, "ok": true, ...}    or    {"version": 1, "ok": false, "error": "one sentence"}
//
// Unknown commands and unknown keys are refused by name rather than ignored, so that an lvsctl
// newer than its daemon is told so instead of getting half of what it asked for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/net/result.h"

namespace lvsd {

inline constexpr int kControlVersion = 1;
inline constexpr std::size_t kMaxRequest = std::size_t{64} * 1024;  // bytes, newline included

enum class Command : std::uint8_t { list, connections, status, rules, network, reload, zero };
inline constexpr std::array kCommands{Command::list,  Command::connections, Command::status,
                                      Command::rules, Command::network,     Command::reload,
                                      Command::zero};
std::string_view to_string(Command command);

struct Cursor {  // into the workers' tables
  std::uint32_t worker = 0, place = 0;
};
struct Request {
  Command command = Command::list;
  Cursor cursor = {};                       // of `connections` only
  std::optional<std::string> service = {};  // of `zero` only: by name; none: all
};

Result<Request, Error> parse_request(std::string_view line);
std::string error_reply(std::string_view sentence);    // without a newline
std::string request_line(const Request& request);      // with its newline
std::string control_socket(std::string_view run_dir);  // the socket's path

}  // namespace lvsd
