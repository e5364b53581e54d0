// SPDX-License-Identifier: GPL-2.0-or-later
// Which connection the fragments of a datagram follow. Only the first has ports; what is decided
// for it holds for the rest, which are forwarded as they come (the kernel reassembles and cuts
// again: the same datagram arrives, in other pieces).
//
// A later fragment that comes before its first waits here as a copy. Everything is bounded: so many
// datagrams, so many waiting bytes, kLifetime for each. Sources choose the keys, so the hash is
// seeded. What is remembered is the first fragment's tuple, not a connection: each later fragment
// looks the connection up again and can never be sent along one that has taken its place.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lvsd/model/destination_state.h"
#include "lvsd/model/time.h"
#include "lvsd/net/packet_view.h"
#include "lvsd/net/siphash.h"

namespace lvsd {

// What fragments of one datagram have in common (RFC 791 section 3.2, RFC 8200 section 4.5).
struct DatagramKey {
  IpAddress source, destination;
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;  // of IPv4
  friend bool operator==(const DatagramKey&, const DatagramKey&) = default;
};
DatagramKey datagram_of(const PacketView& view);

class FragmentTable {
 public:
  static constexpr Duration kLifetime = std::chrono::seconds(30);  // net.ipv4.ipfrag_time
  static constexpr std::size_t kDatagrams = 8192;
  static constexpr std::size_t kWaitingBytes = std::size_t{4}
                                               << 20U;  // net.ipv4.ipfrag_high_thresh
  static constexpr std::size_t kWaitingEach = 64;       // a 64 KiB datagram in 1024-byte pieces

  explicit FragmentTable(const HashSeed& seed) : datagrams_(16, Hash{seed}) {}

  enum class Fate : std::uint8_t {
    undecided,  // the first fragment has not come
    followed,   // forwarded: the others go the same way
    accepted,   // left to the local stack
    dropped,
  };
  struct Decision {
    Fate fate = Fate::undecided;
    Tuple tuple{};                               // of the first fragment, as it arrived
    DestinationId destination = kNoDestination;  // that it was sent to
  };
  Decision find(const DatagramKey& key, TimePoint now) const;
  // Of all destinations, in a copy.
  void rename_destinations(const std::function<DestinationId(DestinationId)>& to);

  // What became of the first fragment. Returns the copies that waited for it, in order of arrival.
  std::vector<std::vector<std::byte>> decide(const DatagramKey& key, const Decision& decision,
                                             TimePoint now);
  // Keeps a copy until the first fragment comes; false where a bound is reached.
  bool hold(const DatagramKey& key, std::span<const std::byte> packet, TimePoint now);

  using Lost = std::function<void(std::span<const std::byte>)>;
  // The number of waiting fragments that nobody came for; `lost` is called with each.
  std::size_t expire(TimePoint now, const Lost& lost);
  std::optional<TimePoint> next_deadline() const;

 private:
  struct Hash {
    HashSeed seed;
    std::size_t operator()(const DatagramKey& key) const;
  };
  struct Datagram {
    Decision decision;
    TimePoint expires{};
    std::vector<std::vector<std::byte>> waiting;
  };
  struct Age {
    DatagramKey key;
    TimePoint expires{};
  };

  Datagram* remember(const DatagramKey& key, TimePoint now);

  std::unordered_map<DatagramKey, Datagram, Hash> datagrams_;
  std::deque<Age> ages_;  // all live equally long, so the oldest is in front
  std::size_t waiting_bytes_ = 0;
};

}  // namespace lvsd
