// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <iostream>

#include "lvsd/control/json_reader.h"
#include "lvsd/control/words.h"
#include "lvsd/ctl/live.h"
#include "lvsd/ctl/status_format.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

std::uint64_t number(const json& object, const char* key) {
  const json& value = object.at(key);
  if (!value.is_number_integer() ||
      (!value.is_number_unsigned() && value < 0)) {  // a number too large for it is a floating one
    refuse_json(std::string(key) + " is not a number in range");
  }
  return value.get<std::uint64_t>();
}
std::string text(const json& object, const char* key) { return object.at(key).get<std::string>(); }

std::string duration(std::uint64_t seconds) {
  if (seconds >= 86400) return fmt::format("{}d {}h", seconds / 86400, seconds / 3600 % 24);
  if (seconds >= 3600) return fmt::format("{}h {}m", seconds / 3600, seconds / 60 % 60);
  if (seconds >= 60) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string line(std::string_view name, const std::string& value) {
  return fmt::format("{:<15} {}\n", name, value);
}

std::string format_capture(const json& capture) {
  std::string value =
      fmt::format("{}, stage {}, rules {}", text(capture, "backend"), text(capture, "stage"),
                  capture.at("in_place").get<bool>() ? "in place" : "NOT in place");
  const std::uint64_t restored = number(capture, "restored");
  if (restored > 0)
    value += "; restored " + counted(restored, "time") + " after others changed them";
  return line("capture", value);
}

std::string format_announced(const json& status) {
  std::string value;
  for (const json& address : status.at("announced")) {
    value += (value.empty() ? "" : ", ") + address.get<std::string>();
  }
  if (value.empty()) value = "nothing";
  if (!status.at("announce_in_place").get<bool>()) value += " (NOT all in place; see the log)";
  return line("announced", value);
}

// Nothing where nobody else claims an address, or the daemon is older than this.
std::string format_conflicts(const json& status) {
  std::string lines;
  const json conflicts = status.value("conflicts", json::object());
  for (const json& thief : conflicts.value("addresses", json::array())) {
    lines += line(lines.empty() ? "conflicts" : "",
                  fmt::format("{} is claimed by {}, heard {} times", text(thief, "address"),
                              text(thief, "mac"), number(thief, "packets")));
  }
  return lines;
}

std::string format_reload(const json& status) {
  const json& reload = status.at("last_reload");
  if (reload.is_null()) return line("last reload", "none since the start");
  std::string value =
      line("last reload", fmt::format("{} {}: {}", text(reload, "time"), text(reload, "outcome"),
                                      text(reload, "summary")));
  for (const json& change : reload.value("changes", json::array())) {
    value += line("", change.get<std::string>());
  }
  for (const json& problem : reload.at("problems")) value += line("", problem.get<std::string>());
  for (const json& key : reload.at("needs_restart")) {
    value += line("", key.get<std::string>() + " takes effect at the next restart only");
  }
  return value;
}

std::string format_overrides(const json& status) {
  const std::uint64_t count = status.contains("overrides") ? number(status, "overrides") : 0;
  return count == 0 ? "" : line("overrides", counted(count, "destination") + "; see lvsctl drift");
}

std::string microseconds(double seconds) {
  constexpr double kMillion = 1e6;
  return fmt::format("{:.0f} us", seconds * kMillion);
}
std::string bound(const json& seconds) {
  return seconds.is_number() ? "at most " + microseconds(seconds.get<double>())
                             : "beyond all bounds";
}

// Nothing before the first packet.
std::string format_latency(const json& status) {
  const json latency = status.value("latency", json::object());
  if (latency.value("packets", std::uint64_t{0}) == 0) return "";
  return line("latency",
              fmt::format("{} in the mean; half of the packets: {}, 99%: {}",
                          microseconds(latency.at("mean").get<double>()),
                          bound(latency.at("median_at_most")), bound(latency.at("p99_at_most"))));
}

// Figures that a daemon before them does not tell.
std::string format_openers(const json& worker) {
  if (!worker.contains("openers_dropped")) return "";
  return line("",
              fmt::format("{} received, {} connections; new ones: {} waiting; lost: {} queue full, "
                          "{} not handed over; {} packets handed on to other workers",
                          number(worker, "received"), number(worker, "connections"),
                          number(worker, "openers_waiting"), number(worker, "openers_dropped"),
                          number(worker, "openers_undelivered"), number(worker, "handed_on")));
}

std::string format_worker(const json& worker, std::size_t index) {
  const std::string value = fmt::format(
      "queue {}: {} waiting; lost: {} queue full, {} not handed over, {} overruns, {} too long; "
      "sent: {} frames, {} routed, {} errors",
      number(worker, "queue"), number(worker, "queue_waiting"), number(worker, "queue_dropped"),
      number(worker, "user_dropped"), number(worker, "overruns"), number(worker, "truncated"),
      number(worker, "sent_frames"), number(worker, "sent_routed"), number(worker, "send_errors"));
  return line(fmt::format("worker {}", index), value) + format_openers(worker);
}

// Where anything is checked.
std::string format_health(const json& health) {
  const auto up = number(health, "up"), down = number(health, "down"),
             checking = number(health, "checking");
  if (up + down + checking == 0) return {};
  std::string value = fmt::format("{} up, {} down", up, down);
  if (checking != 0) value += fmt::format(", {} not checked yet", checking);
  for (const json& name : health.at("quorum_lost")) {
    value += "; " + name.get<std::string>() + " has lost its quorum";
  }
  for (const json& name : health.at("panic")) {
    value += "; " + name.get<std::string>() + " uses all, as too few are up";
  }
  return line("health", value);
}

std::string format_reasons(const json& packets, const char* verdict) {
  std::string lines;
  for (const json& reason : packets.at(verdict)) {
    lines += fmt::format("  {:<11} {:>12}  {:<22} {}\n", verdict, number(reason, "packets"),
                         text(reason, "reason"), text(reason, "meaning"));
  }
  return lines;
}

}  // namespace

std::string format_packets(const json& packets) {
  std::string lines = "packets\n";
  lines += fmt::format("  {:<11} {:>12}\n", "forwarded", number(packets, "forwarded"));
  lines += fmt::format("  {:<11} {:>12}  waited for a neighbour to answer\n", "held",
                       number(packets, "held"));
  lines += fmt::format("  {:<11} {:>12}  ICMP errors and resets made here\n", "originated",
                       number(packets, "originated"));
  lines += fmt::format("  {:<11} {:>12}  checks sent on by the way of their service\n", "probes",
                       number(packets, "probes"));
  return lines + format_reasons(packets, "accepted") + format_reasons(packets, "dropped");
}

std::string format_status(const json& status) {
  std::string lines =
      fmt::format("lvsd {}, pid {}, up {}\n", text(status, "program"), number(status, "pid"),
                  duration(number(status, "uptime_seconds")));
  lines += line("configuration",
                text(status, "config") + ", " + counted(number(status, "services"), "service"));
  lines += format_reload(status);
  lines += line("connections", fmt::format("{} of {}", number(status, "connections"),
                                           number(status, "connection_limit")));
  if (status.at("retiring").get<bool>()) {
    lines += line("", "what was removed still has connections and stays captured for them");
  }
  lines += format_health(status.at("health")) + format_latency(status) + format_overrides(status);
  lines +=
      format_capture(status.at("capture")) + format_announced(status) + format_conflicts(status);
  std::size_t index = 0;
  for (const json& worker : status.at("workers")) lines += format_worker(worker, index++);
  return lines + format_packets(status.at("packets"));
}

int status(const Words& words) {
  LiveCommand command(Command::status, "Prints how the daemon is and what became of its packets.");
  const auto reply = command.ask(words);
  if (!reply) return command.status();
  try {
    std::cout << format_status(reply->at("status"));
  } catch (const json::exception& wrong) {
    std::cerr << "lvsctl: the daemon's status cannot be read: " << wrong.what() << "\n";
    return kNo;
  }
  return command.status();
}

}  // namespace lvsd::ctl
