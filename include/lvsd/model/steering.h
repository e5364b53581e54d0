// SPDX-License-Identifier: GPL-2.0-or-later
// Which worker a packet is for. Workers share nothing, so all packets of one client must meet the
// same one: requests, the replies of NAT servers to it, ICMP errors from either side. What decides
// is a hash of the client's address, cut to the shortest persistence mask, so that a network of
// clients which persistence keeps together stays together here, too.
//
// The capture rules compute the hash in the kernel (io/steering_bpf.h), replay with these
// functions. Rules know a packet's direction by what they match; here it follows from the
// configuration. Where the two differ, and where rules can look no deeper (the packet inside a
// tunnel packet that an ICMP error quotes, extension headers), these functions are right: a worker
// that finds a packet to be another's hands it on. So it matters that all workers have the same
// Steering, or two of them would hand a packet back and forth; it is an immutable value, told to
// all of them at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lvsd/model/config.h"
#include "lvsd/net/packet_view.h"

namespace lvsd {

// Fixed from start to stop: the connections of a client are where its first packet went.
struct SteeringHash {
  unsigned workers = 1;
  std::uint32_t seed = 0;  // or strangers could choose addresses that all meet one worker
  SteeringPrefix prefix = {};

  // How many of the workers the clients of a family are spread over.
  unsigned used(bool v4) const { return (v4 ? prefix.v4 : prefix.v6) == 0 ? 1 : workers; }
  unsigned worker_of(const IpAddress& client) const;
  friend bool operator==(const SteeringHash&, const SteeringHash&) = default;

  // Odd numbers whose bits look random: the golden ratio's, and one of xxHash's primes.
  static constexpr std::uint32_t kFirstFactor = 0x9e3779b1U, kSecondFactor = 0x85ebca77U;
  static constexpr unsigned kFoldShift = 15, kHalf = 16;
};

class Steering {
 public:
  // `captured`: what runs, and what is retired but has connections.
  Steering(const SteeringHash& hash, const Config& captured);

  // Nothing where any worker will do, as it has to be said by all of them or concerns no client.
  std::optional<unsigned> worker_of(std::span<const std::byte> packet, std::uint32_t mark) const;
  const SteeringHash& hash() const { return hash_; }

 private:
  void add(const VirtualService& service);
  unsigned worker_of_tuple(const Tuple& tuple, bool has_ports, std::uint32_t mark) const;
  bool is_probe_answer(const IpAddress& source, const IpAddress& destination) const;
  const IpAddress& client_of(const Tuple& tuple, bool has_ports, std::uint32_t mark) const;
  std::optional<unsigned> worker_of_error(std::span<const std::byte> packet, const PacketView& view,
                                          std::uint32_t mark) const;
  bool is_tunnel(const QuotedPacket& outer) const;

  SteeringHash hash_;
  using Addresses = std::unordered_set<IpAddress, IpAddressHash>;
  using Keys = std::unordered_set<ServiceKey, ServiceKeyHash>;
  Addresses virtual_addresses_, nat_addresses_, hairpin_addresses_;
  Addresses probed_;             // virtual addresses that checks are answered from
  Keys services_, nat_sources_;  // with their ports
  std::unordered_set<std::uint32_t> marks_;
  std::unordered_map<IpAddress, std::vector<Port>, IpAddressHash> tunnels_;  // ports: GUE's
};

}  // namespace lvsd
