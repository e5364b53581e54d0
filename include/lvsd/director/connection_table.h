// SPDX-License-Identifier: GPL-2.0-or-later
// The connection table: flat memory addressed by index, no pointers inside, so that it is dense,
// can grow without moving anything, and could live in a file that a restarted daemon maps again.
//
// One hash over (protocol, client address, client port) finds a connection from both sides, since
// the client's end is the same in either direction (reference section 2.2). The bucket array is
// sized for the limit once, in memory the kernel hands out zeroed and only as touched; entries come
// in chunks. So an insertion never rehashes and never moves, and the cost of a packet does not
// depend on how many connections there are. The hash is seeded: clients cannot choose their bucket.
//
// Expiry is a wheel of lists linked by index (director/timer_wheel.h). A packet only writes the new
// expiry time into its entry; the wheel finds out when it visits. A look-up never returns an entry
// whose time is past, so the wheel's coarseness is not visible in what happens to packets.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "lvsd/director/timer_wheel.h"
#include "lvsd/model/destination_state.h"
#include "lvsd/model/time.h"
#include "lvsd/net/packet_view.h"
#include "lvsd/net/siphash.h"

namespace lvsd {

enum class ConnectionId : std::uint32_t {};

// A connection of a client, or (kTemplate) the memory of where a persistent client goes: its client
// address is masked, its client port 0, and it never carries a packet itself. A connection may be
// controlled by another: by the template it was placed by, or a data connection by the one that
// announced it. One that controls others does not end before them.
struct Connection {
  IpAddress client, virtual_address;  // of a template by mark: protocol 0, 0.0.0.0 + the mark
  Port client_port, virtual_port, destination_port;
  std::uint8_t protocol = 0;
  std::uint8_t state = 0;                      // TcpState, SctpState, of a template kAssured, or 0
  DestinationId destination = kNoDestination;  // none: bypass (reference section 6.6)
  std::uint32_t flags = 0;
  std::uint32_t next = 0;        // in the bucket or the free list: index + 1, 0 ends
  std::uint32_t control = 0;     // index + 1 of the connection that controls this one; 0: none
  std::uint32_t controls = 0;    // how many this one controls
  std::uint32_t timeout_ms = 0;  // what its timer was last started with
  // The largest segment that whoever sends towards the server, or the client, is known to make:
  // payload and TCP options, as an MSS; 0: nothing is known. Super-packets are cut to it.
  std::uint16_t segment_to_server = 0, segment_to_client = 0;
  std::uint32_t hairpin = 0;  // the client is a real server that hides behind us: place in Hairpins
  TimerLinks timer;
  TimePoint expires{};
  std::uint64_t packets_in = 0;

  // The kernel's flag values (reference section 2.3). The method is the connection's own: editing
  // the destination does not change it.
  static constexpr std::uint32_t kMethodMask = 0x0007;
  static constexpr std::uint32_t kMasquerade = 0, kTunnel = 2, kDirectRouting = 3, kBypass = 4;
  static constexpr std::uint32_t kNoOutput = 0x0080, kInactive = 0x0100;
  static constexpr std::uint32_t kNoClientPort = 0x0800;  // FTP's passive data: not known yet
  static constexpr std::uint32_t kTemplate = 0x1000, kOnePacket = 0x2000;
  // Our own, above the kernel's: the template is found by its engine's data (persistence.h); the
  // FTP helper reads the connection.
  static constexpr std::uint32_t kHasEngineData = 1U << 24U, kFtp = 1U << 25U;
  static constexpr std::uint8_t kAssured = 1;  // state of a template
  bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
  std::uint32_t method() const { return flags & kMethodMask; }
  bool is_masquerade() const { return method() == kMasquerade; }
  bool is_template() const { return has(kTemplate); }
  bool is_alive(TimePoint now) const { return expires > now || controls > 0; }
};
static_assert(sizeof(Connection) <= 112, "design: 128 bytes or less per connection all told");

class ConnectionTable {
 public:
  ConnectionTable(std::uint32_t limit, const HashSeed& seed);

  // Client to server: C:cport -> V:vport. Expired entries are not found, nor are templates. Where
  // none has that client port, one that is still without serves (reference section 2.2).
  std::optional<ConnectionId> find_request(const Tuple& tuple, TimePoint now) const;
  // The template with these keys; engines' templates have a look-up of their own.
  std::optional<ConnectionId> find_template(const Connection& like, TimePoint now) const;
  // Every live connection of the client end (protocol, X, xport), newest first, until `match` is
  // true.
  template <class Match>
  std::optional<ConnectionId> find_by_client(std::uint8_t protocol, const IpAddress& client,
                                             Port client_port, TimePoint now, Match&& match) const {
    std::uint32_t link = buckets_[bucket_of(protocol, client, client_port)];
    while (link != 0) {
      const Connection& entry = at(link - 1);
      if (entry.client_port == client_port && entry.protocol == protocol &&
          entry.client == client && entry.is_alive(now) && match(entry)) {
        return ConnectionId{link - 1};
      }
      link = entry.next;
    }
    return std::nullopt;
  }
  // The same without end: visit(id).
  template <class Visit>
  void for_each_of_client(std::uint8_t protocol, const IpAddress& client, Port client_port,
                          TimePoint now, Visit&& visit) const {
    std::uint32_t link = buckets_[bucket_of(protocol, client, client_port)];
    for (; link != 0; link = at(link - 1).next) {
      const Connection& entry = at(link - 1);
      if (entry.client_port == client_port && entry.protocol == protocol &&
          entry.client == client && entry.is_alive(now)) {
        visit(ConnectionId{link - 1});
      }
    }
  }

  // A new entry with the keys of `value`; nothing where the table is full.
  std::optional<ConnectionId> insert(const Connection& value, TimePoint now);
  void erase(ConnectionId id);
  // For an entry without a client port (kNoClientPort), which then has one.
  void set_client_port(ConnectionId id, Port port);
  // The entry's expiry moved: earlier ones need the wheel's attention, later ones do not.
  void touch(ConnectionId id, TimePoint expires);

  Connection& operator[](ConnectionId id) { return at(static_cast<std::uint32_t>(id)); }
  const Connection& operator[](ConnectionId id) const { return at(static_cast<std::uint32_t>(id)); }

  // Visits or moves at most `budget` entries whose time may be up. `on_expired` is called before
  // one is erased, and may prolong its life instead. False where the budget ran out and more is
  // due.
  template <class OnExpired>
  bool expire(TimePoint now, std::size_t budget, OnExpired&& on_expired) {
    while (const std::optional<std::uint32_t> due = wheel_.pop_due(now, *this, budget)) {
      Connection& entry = at(*due);
      if (entry.expires <= now) on_expired(ConnectionId{*due}, entry);
      if (entry.expires > now) {
        wheel_.schedule(*due, entry.expires, *this);
      } else {
        erase(ConnectionId{*due});
      }
      if (budget == 0 || --budget == 0) return false;
    }
    return budget > 0;
  }
  std::optional<TimePoint> next_deadline() const { return wheel_.next_deadline(); }

  std::uint32_t size() const { return size_; }
  std::uint32_t limit() const { return limit_; }
  std::uint32_t buckets() const { return mask_ + 1; }
  // Calls visit(id, connection) for every entry, expired ones not yet collected included.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::uint32_t bucket = 0; bucket <= mask_; ++bucket) {
      for (std::uint32_t link = buckets_[bucket]; link != 0; link = at(link - 1).next) {
        visit(ConnectionId{link - 1}, at(link - 1));
      }
    }
  }

  // The same for places [first, first + count) of the table; returns where to go on, if anywhere.
  // Free places have no time to live.
  template <class Visit>
  std::optional<std::uint32_t> visit_places(std::uint32_t first, std::uint32_t count, TimePoint now,
                                            Visit&& visit) const {
    const std::uint32_t end = first >= used_ ? used_ : first + std::min(count, used_ - first);
    for (std::uint32_t index = first; index < end; ++index) {
      if (at(index).is_alive(now)) visit(ConnectionId{index}, at(index));
    }
    if (end == used_) return std::nullopt;
    return end;
  }

  // The same as for_each() for the next of `parts` equal parts of the table.
  template <class Visit>
  void visit_slice(std::uint32_t parts, Visit&& visit) {
    const std::uint32_t count = std::max((mask_ + 1) / parts, 1U);
    for (std::uint32_t i = 0; i < count; ++i) {
      slice_ = (slice_ + 1) & mask_;
      for (std::uint32_t link = buckets_[slice_]; link != 0; link = at(link - 1).next) {
        visit(ConnectionId{link - 1}, at(link - 1));
      }
    }
  }

  // Starts to bring the bucket of a client's end into the cache, and later, once the bucket is
  // there, the newest of its entries.
  std::uint32_t prefetch_bucket(std::uint8_t protocol, const IpAddress& client, Port port) const {
    const std::uint32_t bucket = bucket_of(protocol, client, port);
    __builtin_prefetch(&buckets_[bucket]);
    return bucket;
  }
  void prefetch_newest(std::uint32_t bucket) const {
    const std::uint32_t link = buckets_[bucket];
    if (link == 0) return;
    const Connection& entry = at(link - 1);  // on two cache lines, both of which will be written
    __builtin_prefetch(&entry, 1);
    __builtin_prefetch(&entry.timer, 1);
  }

  TimerLinks& timer_links(std::uint32_t index) { return at(index).timer; }  // for the wheel

 private:
  static constexpr std::uint32_t kChunkBits = 12;
  static constexpr std::uint32_t kChunk = 1U << kChunkBits;
  struct FreeBuckets {
    void operator()(std::uint32_t* memory) const;
  };

  Connection& at(std::uint32_t index) { return chunks_[index >> kChunkBits][index & (kChunk - 1)]; }
  const Connection& at(std::uint32_t index) const {
    return chunks_[index >> kChunkBits][index & (kChunk - 1)];
  }
  void link(std::uint32_t index);                      // into its bucket
  void unlink(std::uint32_t index);                    // out of it
  std::uint32_t bucket_of(std::uint32_t index) const;  // of an entry
  std::uint32_t bucket_of(std::uint8_t protocol, const IpAddress& client, Port port) const;

  HashSeed seed_;
  std::uint32_t limit_;
  std::uint32_t mask_;
  std::unique_ptr<std::uint32_t[], FreeBuckets> buckets_;  // index + 1 of the newest entry
  std::vector<std::unique_ptr<Connection[]>> chunks_;
  std::uint32_t used_ = 0;  // entries ever handed out
  std::uint32_t free_ = 0;  // index + 1
  std::uint32_t size_ = 0;
  std::uint32_t slice_ = 0;         // the bucket that visit_slice() saw last
  std::uint32_t without_port_ = 0;  // entries with kNoClientPort
  TimerWheel wheel_;
};

}  // namespace lvsd
