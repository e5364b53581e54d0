// SPDX-License-Identifier: GPL-2.0-or-later
// What a replay did, as plain values: filled by the Replayer, printed as text for people or as
// JSON.
//
// The JSON form is versioned; within version 1 keys are only added. Times are strings of seconds
// with nine decimals, so that no reader rounds them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/ctl/compare.h"
#include "lvsd/ctl/junit.h"
#include "lvsd/ctl/link_layer.h"
#include "lvsd/director/director.h"

namespace lvsd::ctl {

// The destination that a verdict named, as it was then: it may be gone at the end.
struct NamedDestination {
  std::string service;  // its name in the file, or its address where no file names it any more
  ServiceKey key;
  Destination destination;
};

struct PacketRecord {
  std::uint64_t frame = 0;  // its number in the capture, from 1
  TimePoint time;
  std::string interface;
  std::string packet;   // describe()
  std::string verdict;  // "forwarded", "held", "accepted", "dropped"
  std::string reason;   // of the latter two
  std::optional<NamedDestination> destination;
  Direction direction = Direction::request;
  bool new_connection = false;
  bool cut = false;
};

struct EmissionRecord {
  std::uint64_t number = 0;  // in emission order, from 1
  std::uint64_t cause = 0;   // the frame that brought it about; 0: a timer, a reload, a neighbour
  TimePoint time;
  std::string interface;
  bool routed = false;
  std::string packet;
};

struct EventRecord {
  TimePoint time;
  std::string kind;  // "start", "reload", "network"
  std::string file;
  bool applied = true;
  std::vector<std::string> messages;  // why it was refused, or what needs a restart
};

struct Tally {
  NamedDestination destination;
  std::uint64_t connections = 0, requests = 0, replies = 0;
};

struct ReplayReport {
  std::uint64_t frames = 0;
  TimePoint first, last;
  std::array<std::uint64_t, kSkips> skipped{};
  std::uint64_t packets = 0, cut = 0;
  std::uint64_t forwarded = 0, held = 0;  // by verdict
  std::array<std::uint64_t, kAcceptReasons> accepted{};
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t emitted = 0, routed = 0, resolves = 0, refreshes = 0;
  std::vector<Tally> tallies;  // in the order of their first packet
  std::vector<EventRecord> events;
  DirectorSnapshot director;                    // as it was at the end
  std::vector<ConnectionSnapshot> connections;  // the same; only where asked for
  std::vector<PacketRecord> packet_records;     // only where asked for
  std::vector<EmissionRecord> emission_records;
  std::vector<RefusedPacket> refused;  // what the directors' recorders have at the end
  std::string damage;                  // why the capture could not be read to its end

  // What became of held packets: of all that left or were dropped, those that no verdict said so
  // of.
  std::uint64_t held_sent() const;
  std::uint64_t held_dropped(DropReason reason) const;
  std::uint64_t held_waiting() const;
};

// The outcome of --expect, beside the report.
struct ComparisonResult {
  std::uint64_t compared = 0, not_compared = 0;
  std::optional<Difference> difference;
};

std::string report_text(const ReplayReport& report,
                        const std::optional<ComparisonResult>& comparison);
std::string report_json(const ReplayReport& report,
                        const std::optional<ComparisonResult>& comparison);

// What a CI system is to show: the capture read, each reload, and the comparison as tests.
std::vector<JunitCase> report_tests(const ReplayReport& report,
                                    const std::optional<ComparisonResult>& comparison);

}  // namespace lvsd::ctl
