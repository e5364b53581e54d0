// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/doctor/judge.h"

#include <array>

#include "checks.h"

namespace lvsd::doctor {
namespace {

constexpr std::array<std::string_view, 33> kNames{"daemon-not-running",
                                                  "queue-taken",
                                                  "queue-unread",
                                                  "rules-missing",
                                                  "rules-shadowed",
                                                  "sends-redirects",
                                                  "neighbor-table-full",
                                                  "ip-forward",
                                                  "rp-filter",
                                                  "realserver-answers-arp",
                                                  "two-directors",
                                                  "vip-not-local",
                                                  "vip-elsewhere",
                                                  "no-route",
                                                  "link-down",
                                                  "dr-off-link",
                                                  "neighbor-unresolved",
                                                  "duplicate-arp",
                                                  "port-closed",
                                                  "port-silent",
                                                  "rejected",
                                                  "vip-missing",
                                                  "decapsulator-missing",
                                                  "decapsulator-untrusting",
                                                  "realserver-rp-filter",
                                                  "tunnel-mtu",
                                                  "nat-wrong-gateway",
                                                  "nat-client-bypass",
                                                  "no-way-back",
                                                  "way-back-unseen",
                                                  "arp-announce",
                                                  "no-answer",
                                                  "not-asked"};

// An ICMP error's name, by version of IP; empty: told by its numbers.
std::string_view error_name(const Answer& answer) {
  if (answer.v6) {
    if (answer.type == 1 && answer.code == 1) return "administratively prohibited";
    if (answer.type == 1 && answer.code == 3) return "address unreachable";
    if (answer.type == 1 && answer.code == 4) return "port unreachable";
    if (answer.type == 4 && answer.code == 1) return "unrecognized next header";
    return answer.type == 2 ? "packet too big" : "";
  }
  if (answer.type != 3) return "";
  constexpr std::array<std::string_view, 5> kUnreachable{"network unreachable", "host unreachable",
                                                         "protocol unreachable", "port unreachable",
                                                         "fragmentation needed"};
  if (answer.code < kUnreachable.size()) return kUnreachable[answer.code];
  return answer.code == 13 ? "administratively prohibited" : "";
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::fault:
      return "fault";
    case Severity::unknown:
      return "cannot tell";
    case Severity::note:
      return "note";
  }
  return "";
}

std::span<const std::string_view> finding_names() { return kNames; }

std::string describe(const Answer& answer) {
  switch (answer.reply) {
    case Reply::not_asked:
      return "not asked";
    case Reply::silence:
      return "no answer";
    case Reply::accepted:
      return "answered";
    case Reply::refused:
      return "a reset";
    case Reply::error:
      break;
  }
  const std::string_view name = error_name(answer);
  const std::string numbers =
      "type " + std::to_string(answer.type) + " code " + std::to_string(answer.code);
  return "ICMP " + (name.empty() ? numbers : std::string(name)) + " from " + to_string(answer.from);
}

std::vector<Finding> judge(const Evidence& evidence) {
  Findings findings;
  check_host(evidence, findings);
  for (const VipEvidence& vip : evidence.vips) check_vip(evidence, vip, findings);
  for (const DestinationEvidence& seen : evidence.destinations) {
    if (seen.local) {  // its packets go no further than this host's own stack
      check_local(seen, findings);
      continue;
    }
    check_way(seen, findings);
    if (reachable(seen)) check_server(seen, findings);
  }
  check_ways_back(evidence, findings);
  return findings;
}

}  // namespace lvsd::doctor
