// SPDX-License-Identifier: GPL-2.0-or-later
// The `ipvs` mapping of lvsd.yaml: the settings of /proc/sys/net/ipv4/vs that decide about packets,
// by the kernel's names, with its meaning and, but for `expire_nodest_conn`, its defaults
// (reference section 2.9). Those about synchronization, statistics threads and connection tracking
// have no place here: man/lvsd.yaml.5 says why, one by one.
#pragma once

#include <cstdint>
#include <optional>

#include "lvsd/model/time.h"

namespace lvsd {

// Of the strategies against overload (reference section 2.8). The kernel's modes 1 and 2 are one
// here: automatic, on while memory is short.
enum class DefenceMode : std::uint8_t { off, automatic, on };

struct IpvsOptions {
  // What happens to the connections of a destination that is removed. Not set: they go on until
  // they end. The kernel drops their packets (false) or forgets them at their next one (true).
  std::optional<bool> expire_nodest_conn;
  bool expire_quiescent_template = false;        // weight 0 ends persistence, too
  std::uint8_t conn_reuse_mode = 1;              // bits; 0: a new SYN stays on the old connection
  bool sloppy_tcp = false, sloppy_sctp = false;  // a connection may begin with any packet
  bool schedule_icmp = false;                    // an ICMP error may begin one
  bool cache_bypass = false;   // by mark, no destination: on to the packet's own address
  bool nat_icmp_send = false;  // a NAT server's stray packet is answered with an ICMP error
  bool snat_reroute = true;    // NAT replies are routed as from the virtual address
  DefenceMode drop_entry = DefenceMode::off, drop_packet = DefenceMode::off,
              secure_tcp = DefenceMode::off;
  std::uint32_t amemthresh = 1024;  // pages: less is free, so memory is short
  std::uint32_t am_droprate = 10;   // one of so many new connections, with drop_packet on
  Duration lblc_expiration = std::chrono::hours(24), lblcr_expiration = std::chrono::hours(24);
  friend bool operator==(const IpvsOptions&, const IpvsOptions&) = default;
};

}  // namespace lvsd
