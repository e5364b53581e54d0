// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl's end of the control socket: one request, one reply.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "lvsd/control/request.h"

namespace lvsd::ctl {

struct AskFailure {
  bool no_daemon = false;  // nobody listens: exit status 3 instead of 1
  std::string message;     // names the socket
};
using Reply = Result<nlohmann::json, AskFailure>;

// The reply as it came, ok or not. `patience` covers connecting, asking and the answer.
Result<std::string, AskFailure> ask_for_text(const std::string& run_dir, const Request& request,
                                             std::chrono::seconds patience);
Reply ask(const std::string& run_dir, const Request& request, std::chrono::seconds patience);

// Why the daemon refused: a sentence, or with an indentation the reply itself. The exit status.
int say_refused(std::string_view command, const nlohmann::json& reply,
                const std::optional<int>& indent);

}  // namespace lvsd::ctl
