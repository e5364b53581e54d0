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
};                                                   // raw PREROUTING, or INPUT (design section 4)
std::string_view to_string(CaptureBackend backend);  // "auto", "iptables", ...
std::string_view to_string(CaptureStage stage);

// director.announce: whether, and on which interface, VIPs are put.
struct Announce {
  bool enabled = true;
  std::string interface;  // empty: the interface whose network holds the VIP, else lo
  friend bool operator==(const Announce&, const Announce&) = default;
};

// Read once at start; a reload that changes one of these is applied but for them, and says so.
struct StartupConfig {
  unsigned workers = 1;
  CaptureBackend backend = CaptureBackend::automatic;
  CaptureStage stage = CaptureStage::early;
  std::uint16_t queue = 0;                     // NFQUEUE number, the first
  bool queue_bypass = false;                   // --queue-bypass: accept when nobody listens
  bool super_packets = true;                   // TCP has queues of its own, with F_GSO
  std::uint32_t connection_limit = 1U << 20U;  // entries per worker, about 100 bytes each
  friend bool operator==(const StartupConfig&, const StartupConfig&) = default;
};

struct Config {
  StartupConfig startup;
  Announce announce;
  Timeouts timeouts;
  IpvsOptions ipvs;
  std::vector<VirtualService> services;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lvsd
