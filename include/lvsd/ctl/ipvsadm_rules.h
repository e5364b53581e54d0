// SPDX-License-Identifier: GPL-2.0-or-later
// What a text of ipvsadm(8) lines leaves behind in the kernel: services in the order in which they
// were added, the destinations of each newest first, because the kernel puts a new one at the head
// of its list and schedulers walk from there (reference section 2.6). Edits keep the place.
//
// Everything that ipvsadm can say is held here, whether or not lvsd.yaml can: what is carried over
// is decided later, against the loader of lvsd.yaml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/service.h"

namespace lvsd::ctl {

// What was left out, and why. `line` counts from 1; 0 where no line is meant.
struct Remark {
  std::size_t line = 0;
  std::string what;
  std::string file = {};  // which the text includes; empty for the text itself
  friend bool operator==(const Remark&, const Remark&) = default;
};

// What IPVS knows nothing of, as a key of lvsd.yaml with its value. Left out alone where the loader
// does not take it.
struct RuleExtra {
  std::size_t line = 0;
  std::string file = {};
  std::string what;      // as the file calls it
  std::string yaml;      // "health: {type: tcp}"
  bool by_port = false;  // of a check: it asks the destination's port
};

struct RuleDestination {
  std::size_t line = 0;  // which gave it its settings: -a, or the last -e
  std::string file = {};
  Endpoint endpoint;
  char method = 'g';  // -g, -i, -m
  std::uint32_t weight = 1, upper_threshold = 0, lower_threshold = 0;
  Tunnel tunnel = {};
  std::optional<RuleExtra> health = {};
};

struct RuleService {
  std::size_t line = 0;  // -A, or the last -E
  std::string file = {};
  std::string protocol;  // "tcp", "udp", "sctp"; empty: by firewall mark
  Endpoint listen;
  std::uint32_t mark = 0;
  bool ipv6_mark = false;
  std::string scheduler = "wlc", engine;
  std::vector<std::string> flags;
  std::optional<std::uint32_t> persistence;  // seconds
  std::uint32_t netmask = 32;                // prefix length
  bool one_packet = false;
  std::vector<RuleDestination> destinations;
  std::vector<RuleExtra> extras;

  bool same_key(const RuleService& other) const {
    return protocol == other.protocol && listen == other.listen && mark == other.mark &&
           ipv6_mark == other.ipv6_mark;
  }
};

struct RuleTimeouts {
  std::size_t line = 0;
  std::string file = {};
  std::uint32_t tcp = 0, tcp_fin = 0, udp = 0;  // seconds; 0: left as it was
};

struct Rules {
  std::vector<RuleService> services;
  RuleTimeouts timeouts;
  std::vector<Remark> remarks;  // in the order of the text
};

Rules read_rules(std::string_view text);

}  // namespace lvsd::ctl
