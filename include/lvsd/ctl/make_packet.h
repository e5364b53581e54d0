// SPDX-License-Identifier: GPL-2.0-or-later
// A packet from what a person types: "tcp 198.51.100.7:40000 192.0.2.10:80", flags, size.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/model/service.h"
#include "lvsd/net/result.h"

namespace lvsd::ctl {

struct PacketWords {
  std::string protocol, client, server;  // "tcp", "198.51.100.7:40000", "192.0.2.10:80"
  std::string flags = "S";               // of TCP, letters of FSRPAU
  std::size_t size = 0;                  // of the whole IP packet; 0: no payload
  unsigned ttl = 64;
};

Result<Endpoint, Error> parse_endpoint(std::string_view text);
// From the IP header on, all checksums right; of SCTP an INIT.
Result<std::vector<std::byte>, Error> make_packet(const PacketWords& words);

}  // namespace lvsd::ctl
