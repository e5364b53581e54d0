// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "lvsd/control/connection_list.h"
#include "lvsd/ctl/capture_time.h"

namespace lvsd::ctl {
namespace {

// One line per reason that occurred, with its sentence.
template <class Reason, std::size_t N>
void append_reasons(std::string& out, std::string_view verdict,
                    const std::array<std::uint64_t, N>& counts) {
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] == 0) continue;
    const auto reason = static_cast<Reason>(i);
    out += fmt::format("  {:<10} {:<22} {:>9}  {}\n", verdict, to_string(reason), counts[i],
                       explain(reason));
  }
}

std::string packets_text(const ReplayReport& report) {
  std::string out = fmt::format("packets for the director: {}\n", report.packets);
  const auto line = [&out](std::string_view verdict, std::uint64_t count) {
    if (count != 0) out += fmt::format("  {:<10} {:<22} {:>9}\n", verdict, "", count);
  };
  line("forwarded", report.forwarded);
  line("held", report.held);
  append_reasons<AcceptReason>(out, "accepted", report.accepted);
  append_reasons<DropReason>(out, "dropped", report.dropped);
  if (report.cut != 0) {
    out += fmt::format("  of these {} were cut by the snap length: decided, not compared\n",
                       report.cut);
  }
  return out;
}

std::string held_text(const ReplayReport& report) {
  if (report.held == 0) return "";
  std::string out = fmt::format("held packets: {} sent later, {} waiting at the end\n",
                                report.held_sent(), report.held_waiting());
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (const std::uint64_t count = report.held_dropped(reason); count != 0) {
      out += fmt::format("  {:<10} {:<22} {:>9}  {}\n", "dropped", to_string(reason), count,
                         explain(reason));
    }
  }
  return out;
}

std::string skipped_text(const ReplayReport& report) {
  const std::uint64_t all =
      std::accumulate(report.skipped.begin(), report.skipped.end(), std::uint64_t{0});
  if (all == 0) return "";
  std::string out = fmt::format("frames skipped: {}\n", all);
  for (std::size_t i = 0; i < kSkips; ++i) {
    const auto skip = static_cast<Skip>(i);
    if (report.skipped[i] == 0) continue;
    out += fmt::format("  {:<33} {:>9}  {}\n", to_string(skip), report.skipped[i], explain(skip));
  }
  return out;
}

const Tally* find_tally(const ReplayReport& report, const ServiceKey& key,
                        const Endpoint& endpoint) {
  const auto it = std::find_if(report.tallies.begin(), report.tallies.end(), [&](const Tally& t) {
    return t.destination.key == key && t.destination.destination.endpoint == endpoint;
  });
  return it == report.tallies.end() ? nullptr : &*it;
}

std::string destination_line(const Destination& destination, const Tally* tally,
                             std::uint32_t active, std::uint32_t inactive,
                             std::string_view remark) {
  std::string line = fmt::format(
      "  -> {:<21} {:<6} {:>6} {:>11} {:>9} {:>9} {:>7} {:>8}  {}", to_string(destination.endpoint),
      to_string(destination.method), destination.weight.value(),
      tally != nullptr ? tally->connections : 0, tally != nullptr ? tally->requests : 0,
      tally != nullptr ? tally->replies : 0, active, inactive, remark);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// Services as they are at the end, then destinations that were sent packets and are gone.
std::string destinations_text(const ReplayReport& report) {
  std::string out =
      fmt::format("{:<26} {:<6} {:>6} {:>11} {:>9} {:>9} {:>7} {:>8}\n", "services", "method",
                  "weight", "connections", "requests", "replies", "active", "inactive");
  std::vector<const Tally*> shown;
  for (const ServiceSnapshot& service : report.director.services) {
    out += fmt::format("{} {} {}{}\n", service.name, to_string(service.key),
                       to_string(service.scheduler, service.scheduler_flags),
                       service.removed ? " removed" : "");
    for (const DestinationSnapshot& d : service.destinations) {
      const Tally* const tally = find_tally(report, service.key, d.config.endpoint);
      shown.push_back(tally);
      out += destination_line(d.config, tally, d.active, d.inactive, d.retired ? "retired" : "");
    }
  }
  for (const Tally& tally : report.tallies) {
    if (std::find(shown.begin(), shown.end(), &tally) != shown.end()) continue;
    out += fmt::format("{} {}\n", tally.destination.service, to_string(tally.destination.key));
    out += destination_line(tally.destination.destination, &tally, 0, 0, "gone");
  }
  return out;
}

std::string events_text(const ReplayReport& report) {
  std::string out;
  for (const EventRecord& event : report.events) {
    out += fmt::format("at {}: {} {}: {}\n", to_string(event.time.time_since_epoch()), event.kind,
                       event.file, event.applied ? "applied" : "refused, nothing changed");
    for (const std::string& message : event.messages) out += "  " + message + "\n";
  }
  return out;
}

std::string comparison_text(const ComparisonResult& result) {
  std::string out = result.difference ? to_string(*result.difference) : "";
  out += fmt::format("{}: {} packets compared", result.difference ? "different" : "as expected",
                     result.compared);
  if (result.not_compared != 0) {
    out += fmt::format(", {} not compared, being cut", result.not_compared);
  }
  return out + "\n";
}

}  // namespace

// The director counts what leaves, and an ICMP error of its own or a piece of a cut packet may
// wait, too: so these can only be told up to those, and never go below zero.
std::uint64_t ReplayReport::held_sent() const {
  const std::uint64_t all = director.counters.forwarded;
  return all > forwarded ? std::min(all - forwarded, held) : 0;
}

std::uint64_t ReplayReport::held_dropped(DropReason reason) const {
  const auto i = static_cast<std::size_t>(reason);
  return director.counters.dropped[i] > dropped[i] ? director.counters.dropped[i] - dropped[i] : 0;
}

std::uint64_t ReplayReport::held_waiting() const {
  std::uint64_t settled = held_sent();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    settled += held_dropped(static_cast<DropReason>(i));
  }
  return held > settled ? held - settled : 0;
}

std::string report_text(const ReplayReport& report,
                        const std::optional<ComparisonResult>& comparison) {
  std::string out = fmt::format("capture: {} frames over {} s\n", report.frames,
                                to_string(report.last - report.first));
  out += events_text(report) + skipped_text(report) + packets_text(report) + held_text(report);
  out += fmt::format("packets emitted: {}", report.emitted);
  if (report.director.counters.originated != 0) {
    out += fmt::format(", {} of them made here", report.director.counters.originated);
  }
  if (report.routed != 0) out += fmt::format(", {} left to the kernel's routing", report.routed);
  out += "\n";
  if (report.resolves != 0) {
    out += fmt::format("neighbours asked for: {}\n", report.resolves);
  }
  out += destinations_text(report);
  if (!report.connections.empty()) out += connections_title(false);
  for (const ConnectionSnapshot& each : report.connections) out += format_connection(each, false);
  if (!report.damage.empty()) out += report.damage + "\n";
  if (comparison) out += comparison_text(*comparison);
  return out;
}

}  // namespace lvsd::ctl
