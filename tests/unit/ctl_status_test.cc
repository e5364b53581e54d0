// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl status, laid out.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lvsd/ctl/status_format.h"

namespace lvsd::ctl {
namespace {

nlohmann::json sample() {
  return nlohmann::json::parse(R"({
    "program": "0.1.0", "pid": 77, "uptime_seconds": 3725, "config": "/etc/lvsd/lvsd.yaml",
    "services": 2, "connections": 12, "connection_limit": 1048576, "retiring": true,
    "workers": [{"queue": 5, "queue_waiting": 1, "queue_dropped": 2, "user_dropped": 3,
                 "overruns": 4, "truncated": 5, "received": 100, "batches": 9, "sent_frames": 80,
                 "sent_routed": 7, "send_errors": 6, "connections": 12,
                 "connection_limit": 1048576}],
    "health": {"up": 2, "down": 1, "checking": 0, "quorum_lost": ["web"], "panic": []},
    "packets": {"forwarded": 87, "held": 2, "originated": 1, "probes": 4,
                "accepted": [{"reason": "no-service", "packets": 4, "meaning": "nobody listens"}],
                "dropped": [{"reason": "no-route", "packets": 3, "meaning": "no way"}]},
    "capture": {"backend": "iptables", "stage": "early", "in_place": true, "restored": 2},
    "announced": ["192.0.2.10", "192.0.2.11"], "announce_in_place": true,
    "last_reload": {"time": "2026-01-02T03:04:05Z", "outcome": "refused", "summary": "bad file",
                    "problems": ["lvsd.yaml:1:2: x: y; z"], "needs_restart": ["director.workers"]}
  })");
}

TEST(CtlStatus, SaysWhatBecameOfNewConnections) {
  auto status = sample();
  status["workers"][0].update({{"openers_waiting", 20},
                               {"openers_dropped", 21},
                               {"openers_undelivered", 22},
                               {"handed_on", 23}});
  EXPECT_NE(
      format_status(status).find(
          "                100 received, 12 connections; new ones: 20 waiting; lost: 21 queue "
          "full, 22 not handed over; 23 packets handed on to other workers\n"),
      std::string::npos);
}

TEST(CtlStatus, SaysEverything) {
  EXPECT_EQ(
      format_status(sample()),
      "lvsd 0.1.0, pid 77, up 1h 2m\n"
      "configuration   /etc/lvsd/lvsd.yaml, 2 services\n"
      "last reload     2026-01-02T03:04:05Z refused: bad file\n"
      "                lvsd.yaml:1:2: x: y; z\n"
      "                director.workers takes effect at the next restart only\n"
      "connections     12 of 1048576\n"
      "                what was removed still has connections and stays captured for them\n"
      "health          2 up, 1 down; web has lost its quorum\n"
      "capture         iptables, stage early, rules in place; restored 2 times after others "
      "changed them\n"
      "announced       192.0.2.10, 192.0.2.11\n"
      "worker 0        queue 5: 1 waiting; lost: 2 queue full, 3 not handed over, 4 overruns, "
      "5 too long; sent: 80 frames, 7 routed, 6 errors\n"
      "packets\n"
      "  forwarded             87\n"
      "  held                   2  waited for a neighbour to answer\n"
      "  originated             1  ICMP errors and resets made here\n"
      "  probes                 4  checks sent on by the way of their service\n"
      "  accepted               4  no-service             nobody listens\n"
      "  dropped                3  no-route               no way\n");
}

TEST(CtlStatus, SaysWhatIsNotAsItShouldBe) {
  nlohmann::json status = sample();
  status["capture"]["in_place"] = false;
  status["announce_in_place"] = false;
  status["announced"] = nlohmann::json::array();
  status["last_reload"] = nullptr;
  status["uptime_seconds"] = 59;
  const std::string text = format_status(status);
  EXPECT_NE(text.find("rules NOT in place"), std::string::npos);
  EXPECT_NE(text.find("nothing (NOT all in place; see the log)"), std::string::npos);
  EXPECT_NE(text.find("last reload     none since the start"), std::string::npos);
  EXPECT_NE(text.find("up 59s"), std::string::npos);
}

TEST(CtlStatus, ANumberOutOfRangeIsAnotherForm) {
  for (const char* const wrong : {"104857699999999999999999", "-1", "1.5"}) {
    nlohmann::json status = sample();
    status["connection_limit"] = nlohmann::json::parse(wrong);
    EXPECT_THROW(format_status(status), nlohmann::json::exception) << wrong;
  }
}

TEST(CtlStatus, AnotherFormThrowsWhatTheCommandCatches) {
  const nlohmann::json whole = sample();
  for (const auto& [key, value] : whole.items()) {
    nlohmann::json status = whole;
    status.erase(key);
    EXPECT_THROW(format_status(status), nlohmann::json::exception) << key;
  }
}

TEST(CtlStatus, SaysOverridesAndLatency) {
  auto status = sample();
  EXPECT_EQ(format_status(status).find("latency"), std::string::npos);
  status["overrides"] = 2;
  status["latency"] = {
      {"packets", 9}, {"mean", 0.000013}, {"median_at_most", 0.00001}, {"p99_at_most", nullptr}};
  const std::string text = format_status(status);
  EXPECT_NE(text.find("overrides       2 destinations; see lvsctl drift\n"), std::string::npos);
  EXPECT_NE(text.find("latency         13 us in the mean; half of the packets: at most 10 us, 99%: "
                      "beyond all bounds\n"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace lvsd::ctl
