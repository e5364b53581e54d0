// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/capture_time.h"
#include "lvsd/ctl/replay_report.h"

namespace lvsd::ctl {
namespace {

JunitCase event_case(const EventRecord& event) {
  JunitCase out{event.kind + " " + event.file + " at " + to_string(event.time.time_since_epoch())};
  if (event.applied) return out;
  out.failure = event.file + " was refused";
  for (const std::string& message : event.messages) out.failure += "\n" + message;
  return out;
}

}  // namespace

std::vector<JunitCase> report_tests(const ReplayReport& report,
                                    const std::optional<ComparisonResult>& comparison) {
  std::vector<JunitCase> out{{"is read to its end", report.damage}};
  for (const EventRecord& event : report.events) {
    if (event.kind != "start") out.push_back(event_case(event));
  }
  if (comparison) {
    const auto& difference = comparison->difference;
    out.push_back({"gives what is expected", difference ? to_string(*difference) : std::string()});
  }
  return out;
}

}  // namespace lvsd::ctl
