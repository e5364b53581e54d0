// SPDX-License-Identifier: GPL-2.0-or-later
// Which connection the fragments of a datagram follow. Only the first has ports; what is decided
// for it holds for the rest, which are forwarded as they come (the kernel reassembles and cuts
// again: the same datagram arrives, in other pieces).
//
// A later fragment that comes before its first waits here as a copy. Everything is bounded: so many
// datagrams, so many waiting bytes, kLifetime for each. A datagram is forgotten as soon as all of
// it has come, as one that the kernel reassembled: so the bound is on those that are under way, and
// an IP id that is used again meets nothing old. Where there are too many, the one that was decided
// longest ago makes room, for anybody can send first fragments that nothing follows. Those that
// wait cannot make room, and have half of the places at most: else they could take all.
//
// Sources choose the keys, so the hash is seeded. What is remembered is the first fragment's tuple,
// not a connection: each later fragment looks the connection up again and can never be sent along
// one that has taken its place. Entries are in a pool, linked by index: in order and without
// waiting, a fragment allocates nothing.
#pragma once

#include <array>
#include <functional>
#include <optional>
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

// Which part of its datagram a fragment is, in units of 8 bytes.
struct FragmentExtent {
  std::uint16_t from = 0, to = 0;
  bool last = false;
};
FragmentExtent extent_of(const PacketView& view, std::span<const std::byte> packet);

// The parts of a datagram that have come. In order, or in reverse, they are one run; in a disorder
// of more than kRuns nothing is known any more, and the datagram lives until its time is up.
class FragmentCoverage {
 public:
  void add(const FragmentExtent& extent);
  bool is_complete() const {
    return end_ != 0 && count_ == 1 && runs_[0].from == 0 && runs_[0].to >= end_;
  }

 private:
  static constexpr std::size_t kRuns = 4;
  struct Run {
    std::uint16_t from = 0, to = 0;
  };
  std::array<Run, kRuns> runs_{};
  std::uint16_t end_ = 0;  // of the datagram, where its last fragment has come
  std::uint8_t count_ = 0;
  bool lost_ = false;
};

class FragmentTable {
 public:
  static constexpr Duration kLifetime = std::chrono::seconds(30);  // net.ipv4.ipfrag_time
  static constexpr std::size_t kDatagrams = 8192, kUndecided = kDatagrams / 2;
  static constexpr std::size_t kWaitingBytes = std::size_t{4}
                                               << 20U;  // net.ipv4.ipfrag_high_thresh
  static constexpr std::size_t kWaitingEach = 64;       // a 64 KiB datagram in 1024-byte pieces

  explicit FragmentTable(const HashSeed& seed) : seed_(seed), buckets_(kBuckets) {}

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
  // The same for a fragment that has come: with the last of them the datagram is forgotten.
  Decision take(const DatagramKey& key, const FragmentExtent& extent, TimePoint now);
  // Of all destinations, in a copy.
  void rename_destinations(const std::function<DestinationId(DestinationId)>& to);

  // What became of the first fragment. Returns the copies that waited for it, in order of arrival.
  std::vector<std::vector<std::byte>> decide(const DatagramKey& key, const FragmentExtent& extent,
                                             const Decision& decision, TimePoint now);
  // Keeps a copy until the first fragment comes; false where a bound is reached.
  bool hold(const DatagramKey& key, const FragmentExtent& extent, std::span<const std::byte> packet,
            TimePoint now);

  using Lost = std::function<void(std::span<const std::byte>)>;
  // The number of waiting fragments that nobody came for; `lost` is called with each.
  std::size_t expire(TimePoint now, const Lost& lost);
  std::optional<TimePoint> next_deadline() const;

 private:
  static constexpr std::uint32_t kBuckets = 2 * kDatagrams;
  static constexpr std::size_t kExpiriesPerCall = 1024;  // as with connections: no pause
  using Link = std::uint32_t;                            // index + 1; 0: none
  struct Datagram {
    DatagramKey key;
    Decision decision;
    TimePoint expires{};
    FragmentCoverage coverage;
    Link next = 0;  // in the bucket, or of those that are free
    Link older = 0, newer = 0;
    std::vector<std::vector<std::byte>> waiting;
  };
  struct Ages {  // all live equally long, so the oldest expires first
    Link oldest = 0, newest = 0;
    std::size_t count = 0;
  };

  std::uint32_t bucket_of(const DatagramKey& key) const;
  Datagram& at(Link link) { return pool_[link - 1]; }
  const Datagram& at(Link link) const { return pool_[link - 1]; }
  Ages& ages_of(const Datagram& datagram) {
    return datagram.decision.fate == Fate::undecided ? undecided_ : decided_;
  }
  Link search(const DatagramKey& key) const;
  Link search_live(const DatagramKey& key, TimePoint now);
  Link make(const DatagramKey& key, Fate fate, TimePoint now);
  void release(Link link);
  void unlink(Link link);  // out of its bucket
  void enter(Link link, Ages& ages);
  void leave(Link link, Ages& ages);

  HashSeed seed_;
  std::vector<Link> buckets_;
  std::vector<Datagram> pool_;
  Link free_ = 0;
  Ages decided_, undecided_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace lvsd
