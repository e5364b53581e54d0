// SPDX-License-Identifier: GPL-2.0-or-later
// The doctor's probes as bytes, and what comes back as values: pure functions.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lvsd/model/network.h"
#include "lvsd/model/service.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::doctor {

using Bytes = std::vector<std::byte>;

// ARP "who has" or a neighbour solicitation, as a whole frame. An unspecified `own` asks as RFC
// 5227 does, without telling anybody about an address.
Bytes question_frame(const Mac& own_mac, const IpAddress& own, const IpAddress& about);
// The same of ARP, to one host alone.
Bytes question_to(const Mac& to, const Mac& own_mac, const IpAddress& own, const IpAddress& about);

// The ports that answers come to: above those that the kernel gives to programs.
inline constexpr std::uint16_t kFirstProbePort = 61000;

// The first packet of a connection; with `payload` bytes behind it, which a SYN may carry.
Bytes syn(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port,
          std::size_t payload = 0);
Bytes reset(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port);
Bytes datagram(const IpAddress& from, Port from_port, const IpAddress& to, Port to_port);
inline constexpr std::uint8_t kHops = 64;
Bytes echo(const IpAddress& from, Port identifier, const IpAddress& to, std::uint8_t hops = kHops);

// In the outer header of that tunnel; empty where it does not fit.
Bytes tunnelled(const Bytes& inner, const Tunnel& tunnel, const IpAddress& from,
                const IpAddress& to, bool dont_fragment);

Bytes frame_of(const Mac& to, const Mac& from, const Bytes& packet);

struct Heard {
  // segment: of TCP, or a datagram
  enum class Kind : std::uint8_t { question, claim, segment, echo, error };
  Kind kind = Kind::question;
  Mac mac;                    // of who says it: inside ARP and discovery, else of the frame
  IpAddress sender, address;  // question: who asks, for what; claim: `address` is claimed
  IpAddress target;           // of a claim by ARP: who is told
  Tuple tuple;                // of the answer; of an error: of what it quotes, the innermost
  Port identifier;            // of an echo reply
  std::uint8_t tcp_flags = 0, type = 0, code = 0;
  std::uint32_t mtu = 0;       // that an error tells
  bool quotes_tunnel = false;  // an error about an outer packet, whose destination is `address`
  bool has_inner = false;      // and `tuple` is of the packet inside
};
std::optional<Heard> parse_frame(std::span<const std::byte> frame);

}  // namespace lvsd::doctor
