// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon and its prober say to each other over a SOCK_SEQPACKET pair: a JSON object a
// message. The prober talks to hostile servers and is not trusted: what comes from it is parsed as
// strictly as anything from outside.
//
//   to the prober    {"set": ID, ...}        begin to probe this, from now on
//                    {"drop": ID}            stop
//                    {"pace": ID, "interval": MS}
//                    {"tell": {...}}         run a hook
//                    {"ping": 1}             it has said nothing for a while: does it live
//                    {"socket": N}           with a descriptor: the socket that was asked for
//   from the prober  {"hello": PID}          it begins anew and knows nothing
//                    {"results": [[ID, ok, MICROSECONDS, text, seconds of expiry or 0], ...]}
//                    {"need": N, ...}        a socket that takes a privilege
//                    {"pong": 1}             it does
//                    {"say": text}           for the log
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/health.h"

namespace lvsd {

inline constexpr std::size_t kLongestMessage = 60000;

// One check of one destination. An agent is one, too: what it says is the result's text.
struct Order {
  std::uint64_t id = 0;
  Health health;
  bool agent = false;
  Endpoint target;      // where to ask
  std::string service;  // its name, and the destination, for programs
  std::string destination;
};

struct ProbeResult {
  std::uint64_t id = 0;
  bool success = false;
  std::chrono::microseconds took{};
  std::string text;
  std::int64_t expires = 0;  // the certificate, in seconds of the epoch; 0: none seen
};

// A hook to run: its program with these variables, or a POST of them as JSON.
struct Telling {
  Hooks hooks;
  std::vector<std::pair<std::string, std::string>> variables;  // LVSD_SERVICE, "web"
};

struct SocketNeed {
  std::uint64_t number = 0;
  bool v4 = true, stream = true;
  std::uint32_t mark = 0;
};

std::string to_message(const Order& order);
std::string to_message(const Telling& telling);
std::string to_message(const std::vector<ProbeResult>& results);
std::string to_message(const SocketNeed& need);

std::optional<nlohmann::json> parse_message(std::string_view text);
std::optional<Order> parse_order(const nlohmann::json& message);
std::optional<Telling> parse_telling(const nlohmann::json& message);
std::vector<ProbeResult> parse_results(const nlohmann::json& message);
std::optional<SocketNeed> parse_need(const nlohmann::json& message);

}  // namespace lvsd
