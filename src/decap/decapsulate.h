// SPDX-License-Identifier: GPL-2.0-or-later
// What a real server does with a tunnel packet from a director: check who sent it and whom it is
// for, and take the inner packet out untouched. Pure functions, so that they are tested without a
// socket.
//
// Where the sending stack and this one share a host, or a network card gathers segments, the inner
// packet may carry an unfinished TCP or UDP checksum: the field holds the sum of the pseudo header
// and nothing else. A raw socket does not tell, so the field is compared with that sum. A finished
// checksum equals it once in 65536 packets; such a packet is then trusted rather than verified.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lvsd/net/address.h"
#include "lvsd/net/headers.h"
#include "lvsd/net/result.h"

namespace lvsd::decap {

enum class Refusal : std::uint8_t {
  malformed_outer,  // not a whole packet, or a header of GRE or GUE that is not understood
  untrusted,        // for an address on the device, but its source is no director of ours
  foreign,          // neither its source nor its address is of ours: of another tunnel of this host
  malformed_inner,  // what is inside is not a whole IP packet
  not_ours,         // from a director, for an address that is not on the device
};
inline constexpr std::size_t kRefusals = 5;
std::string_view to_string(Refusal refusal);

// What came, without its outer IP header: `protocol` is that header's (4 and 41: IP in IP, 47: GRE,
// 17: GUE, and then `payload` lies behind the UDP header).
struct Arrival {
  IpAddress source, destination;
  IpProtocol protocol = IpProtocol::ipip;
  std::span<const std::byte> payload;
  Port source_port = {}, port = {};  // of GUE
};

// From what a raw IPv4 socket delivers: reassembled, from the IP header on.
Result<Arrival, Refusal> arrival_of(std::span<const std::byte> outer);

struct Trust {
  std::vector<Prefix> directors;
  std::vector<IpAddress> vips;
};

// Where a checksum is to be finished: from `start` to the end, written at `start + offset`.
struct UnfinishedChecksum {
  std::uint16_t start = 0;
  std::uint16_t offset = 0;
  friend bool operator==(const UnfinishedChecksum&, const UnfinishedChecksum&) = default;
};

struct Inner {
  std::span<const std::byte> packet;
  std::optional<UnfinishedChecksum> unfinished;
};

Result<Inner, Refusal> decapsulate(const Arrival& arrival, const Trust& trust);

// What the director is told about a refused packet, so that silence means something else: an ICMP
// error (RFC 792, RFC 4443; for IPv6 the kernel fills its checksum in) that quotes it. Nothing for
// what is malformed, and nothing for what is foreign: raw sockets also get the packets of the
// kernel's own tunnels, and an error would tell their other ends that they are broken.
std::vector<std::byte> refusal_answer(const Arrival& arrival, Refusal refusal);

}  // namespace lvsd::decap
