// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl trace: explain, for packets as they pass the running daemon.
#include <iostream>

#include "lvsd/ctl/decode.h"
#include "lvsd/ctl/explain.h"
#include "lvsd/ctl/tap_client.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view kUsageText =
    "lvsctl trace [option ...]\n"
    "Explains packets as they pass the running daemon, until interrupted. Of more than a thousand\n"
    "packets a second that match, some are left out, and counted.\n"
    "Exit status: 0 as many as asked for; 1 refused; 2 usage; 3 no daemon.\n";

// The connections that began lately, which the daemon remembers by service.
int show_recent(const ParsedOptions& parsed) {
  Request request{Command::decisions};
  if (parsed.has("service")) request.service = parsed.text("service");
  const auto reply = ask(parsed.text("run-dir"), request, std::chrono::seconds(10));
  if (!reply) {
    std::cerr << "lvsctl trace: " << reply.error().message << "\n";
    return reply.error().no_daemon ? kNoDaemon : kNo;
  }
  if (!reply->at("ok").get<bool>()) {
    return say_refused("trace", *reply, parsed.has("json") ? std::optional(-1) : std::nullopt);
  }
  for (const json& one : reply->value("decisions", json::array())) {
    if (parsed.has("json")) {
      std::cout << one.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
    } else {
      std::cout << one.value("time", "") << " " << one.value("service", "") << ": "
                << one.value("client", "") << " > " << one.value("virtual", "") << " went to "
                << one.value("destination", "") << "\n";
    }
  }
  return kFine;
}

}  // namespace

int trace(const Words& words) {
  boost::program_options::options_description table("options");
  add_tap_options(table);
  table.add_options()("bytes", "show the emitted bytes in hexadecimal, too");
  table.add_options()("recent", "show the connections that began lately, and end");
  table.add_options()("json", "print one line of JSON for each packet");
  const ParsedOptions parsed = parse_options("trace", kUsageText, words, table);
  if (parsed.exit_status) return *parsed.exit_status;
  if (parsed.has("recent")) return show_recent(parsed);
  ExplainSettings settings;
  settings.bytes = parsed.has("bytes");
  const bool as_json = parsed.has("json");
  ExplainPrinter printer(settings);
  TapClient client("trace", parsed);
  return client.listen([&](const json& packet) {
    const auto bytes = from_hex(packet.value("asked", ""));
    const std::string asked = bytes ? describe(decode_packet(*bytes)) : std::string("unreadable");
    if (as_json) {
      json line = packet;
      line["asked"] = asked;
      std::cout << line.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
      return std::cout.good();
    }
    const auto explanation = parse_explanation(packet);
    if (explanation) printer.add({0, packet.value("time", ""), asked, *explanation});
    std::cout << std::flush;
    return explanation.has_value() && std::cout.good();
  });
}

}  // namespace lvsd::ctl
