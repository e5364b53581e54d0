// SPDX-License-Identifier: GPL-2.0-or-later
// Source ports of real servers that are clients of a NAT service (`hairpin`): their requests go on
// from an address of the director's, so that the answers come back to it. An answer does not name
// the client, by which packets are steered; so each worker has ports of its own, and the port says
// whose connection it is. They lie above what Linux gives its own sockets
// (net.ipv4.ip_local_port_range ends at 60999), where its masquerading had its ports long ago.
#pragma once

#include <cstdint>

#include "lvsd/net/headers.h"

namespace lvsd {

struct HairpinPorts {
  static constexpr std::uint16_t kFirst = 61000, kLast = 65535;
  static constexpr unsigned kCount = kLast - kFirst + 1U;

  static bool contains(Port port) { return port.host() >= kFirst; }
  static unsigned worker_of(Port port, unsigned workers) {
    return (port.host() - unsigned{kFirst}) % workers;
  }
};

}  // namespace lvsd
