// SPDX-License-Identifier: GPL-2.0-or-later
// The data path behind a capture: frames in, emissions and a report out. There are as many
// directors as the file has workers, and packets are steered to them as live, but for the seed of
// the hash; where the file says auto, there is one. Time is the capture's,
// never a clock's, and never goes back: a frame stamped earlier than the one before it (captures
// merged from several interfaces have such) happens when that one did.
//
// Timers due before a frame run before it, each at its own time. After the last frame and the last
// step nothing more runs: what still waits then is reported as waiting. All seeds are fixed, so the
// same input gives the same output, byte for byte.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lvsd/ctl/replay_report.h"
#include "lvsd/director/decision.h"
#include "lvsd/model/config.h"
#include "lvsd/model/steering.h"

namespace lvsd::ctl {

// A packet with all that led to its verdict.
struct ExplainedPacket {
  std::uint64_t frame = 0;  // its number in the capture, from 1
  TimePoint time;
  const Arrival& arrival;
  const Decision& decision;
  const std::vector<Emission>& emissions;
  const Network& network;
};

// Where the replay goes, packet by packet, as it happens. What is empty is not called.
struct Observer {
  std::function<void(const EmittedFrame&, const Network&)> emitted;
  std::function<void(std::span<const std::byte>, const Network&)> left_to_stack;
  std::function<void(const ExplainedPacket&)> explained;
  // What the director said it would do, before it did that: as `lvsctl explain` asks it live.
  std::function<void(const ExplainedPacket&)> rehearsed;
};

class Replayer {
 public:
  // `records`: keep one record per packet and emission, for the JSON report.
  Replayer(const Config& config, std::shared_ptr<const Network> network, bool records,
           Observer observer);

  // The configuration takes effect at the time of the first frame.
  void start(TimePoint first);
  void frame(const CapturedFrame& frame, LinkType type);
  // load -> diff -> apply, as live: a bad file changes nothing.
  void reload(TimePoint at, const std::string& file);
  void change_network(TimePoint at, const std::string& file,
                      std::shared_ptr<const Network> network);

  // `connections`: with every connection that there is at the end.
  const ReplayReport& finish(bool connections);

 private:
  void advance(TimePoint to);
  void decide(const Arrival& arrival);
  Verdict handle(Director& director, const Arrival& arrival, PacketBuffer& buffer);
  void rehearse(const Director& director, const Arrival& arrival, const PacketBuffer& packet);
  void record(const Director& director, const Arrival& arrival, std::span<const std::byte> packet,
              const Verdict& verdict);
  void count(const Director& director, const Verdict& verdict);
  void emit(std::uint64_t cause, TimePoint time, const Arrival* cut);
  void emit_packet(const Emission& emission, std::uint64_t cause, TimePoint time,
                   const Arrival* cut);
  void emit_finished(const Emission& emission, std::uint64_t cause, TimePoint time,
                     const Arrival* cut);
  void apply(const Config& next);
  // Whose timers are due first.
  Director& next_due();
  void teach(Director& from);
  std::optional<NamedDestination> named(const Director& director, DestinationId id) const;
  void remember_names();
  void tally(const Director& director, DestinationId id, Direction direction, bool new_connection);

  Config config_;
  std::shared_ptr<const Network> network_;
  bool records_;
  Observer observer_;
  std::vector<Director> directors_;  // one per worker
  Config captured_;                  // what runs, and what ran before: it may have connections
  Steering steering_;
  LoadBook loads_;
  Emissions emissions_;
  ReplayReport report_;
  std::map<std::pair<ServiceKey, Endpoint>, std::size_t> tally_of_;  // place in report_.tallies
  std::map<ServiceKey, std::string> names_;  // of services, those no longer in the file included
  TimePoint now_{};
  std::vector<std::byte> storage_;  // headroom and the packet being decided
  std::vector<std::byte> frame_;    // the frame being emitted
  bool guess_waits_ = false;        // a cut packet was held: later emissions may be made from it
};

}  // namespace lvsd::ctl
