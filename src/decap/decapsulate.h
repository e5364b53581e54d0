// SPDX-License-Identifier: GPL-2.0-or-later
// What a real server does with a tunnel packet from a director: check who sent it, and take the
// inner packet out untouched. A pure function, so that it is tested without a socket.
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
#include "lvsd/net/result.h"

namespace lvsd::decap {

enum class Refusal : std::uint8_t {
  malformed_outer,  // not a whole IPv4 packet of protocol 4
  untrusted,        // its source is no director of ours
  malformed_inner,  // what is inside is not a whole IPv4 packet
};
inline constexpr std::size_t kRefusals = 3;
std::string_view to_string(Refusal refusal);

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

// `outer` as a raw socket delivers it: from the IP header on, reassembled.
Result<Inner, Refusal> decapsulate(std::span<const std::byte> outer,
                                   std::span<const Prefix> trusted);

}  // namespace lvsd::decap
