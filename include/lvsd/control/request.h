// SPDX-License-Identifier: GPL-2.0-or-later
// What lvsctl asks of a running daemon: one JSON object per line on the control socket, answered by
// one JSON object per line. Both programs use this; the daemon treats every line as hostile.
//
//   {"command": "list"}
//   {"command": "list", "form": "stats"}                    as text, as lvsctl list prints it
//   {"command": "list", "service": "web"}                   that one only, by name or key
//   {"command": "connections", "worker": 0, "cursor": 0}    the first page; a reply names the
//   "next"
//   {"command": "zero", "service": "web"}                   without a service: all
//   {"command": "plan", "config": "services: ..."}          what a reload from that text would do
//   {"command": "explain", "packet": "45000028...", "mark": 7}
//   {"command": "drops"}                                    what was refused lately
//   {"command": "decisions", "service": "web"}              which connections began lately
//   {"command": "trace", "id": 4711, "service": "web", "client": "10.0.0.0/8", "destination": ...,
//   "verdict": ...}                                         what passed since this id asked last
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

#include "lvsd/control/override_request.h"
#include "lvsd/net/result.h"

namespace lvsd {

inline constexpr int kControlVersion = 1;
// Bytes of a line, newline included: `plan` brings a whole configuration. Only those who may read
// what the daemon knows can connect, so many of them cannot be strangers.
inline constexpr std::size_t kMaxRequest = std::size_t{8} * 1024 * 1024;
inline constexpr std::size_t kMaxShort = std::size_t{64} * 1024;  // of any other

enum class Command : std::uint8_t {
  list,
  connections,
  status,
  rules,
  network,
  reload,
  zero,
  plan,
  explain,
  drops,
  trace,
  drain,
  undrain,
  weight,
  drift,
  decisions,
  health
};
inline constexpr std::array kCommands{
    Command::list,      Command::connections, Command::status,  Command::rules,   Command::network,
    Command::reload,    Command::zero,        Command::plan,    Command::explain, Command::drops,
    Command::trace,     Command::drain,       Command::undrain, Command::weight,  Command::drift,
    Command::decisions, Command::health};
std::string_view to_string(Command command);
// Whether it changes anything: who may read may not necessarily change (control_socket.h).
bool changes_something(Command command);
// Whether it tells the bytes of other people's packets.
bool shows_packets(Command command);

struct Cursor {  // into the workers' tables
  std::uint32_t worker = 0, place = 0;
};
struct Request {
  Command command = Command::list;
  Cursor cursor = {};                       // of `connections` only
  std::optional<std::string> service = {};  // by name, of list also by key; none: all
  std::optional<std::string> form = {};     // of `list`: of a text (listing.h); none: all, as JSON
  std::optional<std::string> config = {};   // of `plan`: the text of a file
  std::optional<std::string> packet = {};   // of `explain`: from the IP header on, in hexadecimal
  std::uint32_t mark = 0;                   // of `explain`
  std::uint32_t id = 0;                     // of `trace`: whose it is, a number at random
  std::optional<std::string> client = {}, destination = {},
                             verdict = {};  // of `trace`; `health` takes a destination
  OverrideRequest override = {};            // of `drain`, `undrain` and `weight`
  bool discard_overrides = false;           // of `reload`
};

Result<Request, Error> parse_request(std::string_view line);
std::string error_reply(std::string_view sentence);    // without a newline
std::string request_line(const Request& request);      // with its newline
std::string control_socket(std::string_view run_dir);  // the socket's path

}  // namespace lvsd
