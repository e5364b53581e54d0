// SPDX-License-Identifier: GPL-2.0-or-later
// The whole of lvsd.yaml as values. What can change on reload and what needs a restart are separate
// structs, so that a reload that touches the latter can say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/model/ipvs_options.h"
#include "lvsd/model/service.h"
#include "lvsd/model/time.h"

namespace lvsd {

enum class CaptureBackend : std::uint8_t { automatic, iptables, nft, manual };
enum class CaptureStage : std::uint8_t {
  early,
  late
};  // raw PREROUTING, or INPUT (design section 4)
// What gives way when packets come faster than they can be decided: those that would open a
// connection, which wait in a queue of their own; whatever comes last; or nothing is dropped, and
// what finds the queue full is left to the local stack.
enum class Overload : std::uint8_t { drop_new, drop, bypass };
std::string_view to_string(Overload overload);       // "drop-new", "drop", "bypass"
std::string_view to_string(CaptureBackend backend);  // "auto", "iptables", ...
std::string_view to_string(CaptureStage stage);

// director.announce: whether, and on which interface, VIPs are put, and how they are defended.
struct Announce {
  bool enabled = true;
  std::string interface;  // empty: the interface whose network holds the VIP, else lo
  Duration defend = std::chrono::seconds(1);  // between two answers to who claims one; 0: never
  friend bool operator==(const Announce&, const Announce&) = default;
};

// How much of a client's address decides which worker it meets: the shortest persistence mask of
// each family, and nothing of it where persistence goes by something else (the SIP engine).
struct SteeringPrefix {
  std::uint8_t v4 = 32, v6 = 128;
  friend bool operator==(const SteeringPrefix&, const SteeringPrefix&) = default;
};

// A worker has up to three NFQUEUEs: datagrams, streams, and what would open a connection.
inline constexpr unsigned kQueuesPerWorker = 3;
inline constexpr unsigned kMostWorkers = 256;
inline constexpr unsigned kQueueNumbers = 65536;  // an NFQUEUE number has 16 bits
enum class QueueRole : std::uint8_t { datagrams, streams, openers };

// Read once at start; a reload that changes one of these is applied but for them, and says so.
struct StartupConfig {
  unsigned workers = 1;        // 0: one per CPU, until lvsd has counted them
  std::vector<unsigned> cpus;  // that workers are bound to, one after the other; none: not bound
  SteeringPrefix steering;     // follows from the services
  CaptureBackend backend = CaptureBackend::automatic;
  CaptureStage stage = CaptureStage::early;
  std::uint16_t queue = 0;             // NFQUEUE number, the first
  std::uint32_t queue_length = 16384;  // packets that may wait in one
  Overload overload = Overload::drop_new;
  std::uint16_t probe_marks = 0x4c56;  // the upper half of the marks of checks via the service
  bool queue_bypass = false;           // --queue-bypass: accept when nobody listens
  bool super_packets = true;           // TCP has queues of its own, with F_GSO
  std::uint32_t connection_limit = 1U << 20U;  // entries per worker, about 100 bytes each

  bool has_openers() const { return overload == Overload::drop_new; }
  friend bool operator==(const StartupConfig&, const StartupConfig&) = default;
};

// How much is remembered of what was refused, and of what was decided (director/recorder.h).
struct RecorderLimits {
  std::uint32_t drops = 256;     // packets, per worker; 0: none
  std::uint32_t bytes = 256;     // of each of them
  std::uint32_t decisions = 16;  // connections that began, per service and worker; 0: none
  friend bool operator==(const RecorderLimits&, const RecorderLimits&) = default;
};

struct Config {
  StartupConfig startup;
  Announce announce;
  RecorderLimits recorder;
  Timeouts timeouts;
  IpvsOptions ipvs;
  std::vector<VirtualService> services;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lvsd
