// SPDX-License-Identifier: GPL-2.0-or-later
#include "fragments.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "lvsd/net/extension_headers.h"

namespace lvsd {

DatagramKey datagram_of(const PacketView& view) {
  const std::uint8_t protocol = view.v6 ? std::uint8_t{0} : view.tuple.protocol;
  return {view.tuple.source, view.tuple.destination, view.ip_id, protocol};
}

// What is cut begins behind the fragment header: in a first fragment, extension headers may follow.
FragmentExtent extent_of(const PacketView& view, std::span<const std::byte> packet) {
  constexpr std::uint32_t kUnit = 8;
  std::size_t headers = view.transport_offset;
  if (view.v6 && !view.is_later_fragment()) {
    if (const auto chain = walk_extensions(packet, 0); chain && chain->has_fragment()) {
      headers = chain->fragment_header + sizeof(Ipv6FragmentHeader);
    }
  }
  const std::size_t end = view.fragment_offset + view.total_length - headers;
  return {static_cast<std::uint16_t>(view.fragment_offset / kUnit),
          static_cast<std::uint16_t>((end + kUnit - 1) / kUnit), !view.more_fragments};
}

// Runs neither meet nor overlap, so one pass finds all that the new one unites.
void FragmentCoverage::add(const FragmentExtent& extent) {
  if (extent.last) end_ = std::max(end_, extent.to);
  Run run{extent.from, extent.to};
  for (std::uint8_t i = 0; i < count_;) {
    if (runs_[i].from > run.to || run.from > runs_[i].to) {
      ++i;
      continue;
    }
    run = {std::min(run.from, runs_[i].from), std::max(run.to, runs_[i].to)};
    runs_[i] = runs_[--count_];
  }
  lost_ = lost_ || count_ == kRuns;
  if (lost_) {
    count_ = 0;
  } else {
    runs_[count_++] = run;
  }
}

std::uint32_t FragmentTable::bucket_of(const DatagramKey& key) const {
  std::array<std::byte, 37> bytes;
  const IpAddress::Bytes source = key.source.bytes(), destination = key.destination.bytes();
  std::memcpy(bytes.data(), source.data(), 16);
  std::memcpy(bytes.data() + 16, destination.data(), 16);
  std::memcpy(bytes.data() + 32, &key.id, 4);
  bytes[36] = std::byte{key.protocol};
  return static_cast<std::uint32_t>(siphash13(seed_, bytes)) & (kBuckets - 1);
}

FragmentTable::Link FragmentTable::search(const DatagramKey& key) const {
  Link link = buckets_[bucket_of(key)];
  while (link != 0 && at(link).key != key) link = at(link).next;
  return link;
}

// One whose time is past starts over. If fragments wait in the old one, expire() has to name them:
// it is only found no more.
FragmentTable::Link FragmentTable::search_live(const DatagramKey& key, TimePoint now) {
  const Link found = search(key);
  if (found == 0 || at(found).expires > now) return found;
  if (at(found).waiting.empty()) {
    release(found);
  } else {
    unlink(found);
  }
  return 0;
}

FragmentTable::Decision FragmentTable::find(const DatagramKey& key, TimePoint now) const {
  const Link found = search(key);
  if (found == 0 || at(found).expires <= now) return {};
  return at(found).decision;
}

FragmentTable::Decision FragmentTable::take(const DatagramKey& key, const FragmentExtent& extent,
                                            TimePoint now) {
  const Link found = search_live(key, now);
  if (found == 0) return {};
  Datagram& datagram = at(found);
  const Decision decision = datagram.decision;
  if (decision.fate == Fate::undecided) return decision;  // hold() counts it in
  datagram.coverage.add(extent);
  if (datagram.coverage.is_complete()) release(found);
  return decision;
}

void FragmentTable::rename_destinations(const std::function<DestinationId(DestinationId)>& to) {
  for (Datagram& datagram : pool_) {
    datagram.decision.destination = to(datagram.decision.destination);
  }
}

std::vector<std::vector<std::byte>> FragmentTable::decide(const DatagramKey& key,
                                                          const FragmentExtent& extent,
                                                          const Decision& decision, TimePoint now) {
  Link link = search_live(key, now);
  if (link == 0) {
    link = make(key, decision.fate, now);
  } else {
    leave(link, ages_of(at(link)));
    // Another first fragment: the id was used again before the datagram was complete.
    if (at(link).decision.fate != Fate::undecided) at(link).coverage = {};
    enter(link, decided_);
  }
  Datagram& datagram = at(link);
  datagram.decision = decision;
  datagram.expires = now + kLifetime;
  datagram.coverage.add(extent);
  for (const auto& packet : datagram.waiting) waiting_bytes_ -= packet.size();
  std::vector<std::vector<std::byte>> waited = std::exchange(datagram.waiting, {});
  if (datagram.coverage.is_complete()) release(link);
  return waited;
}

bool FragmentTable::hold(const DatagramKey& key, const FragmentExtent& extent,
                         std::span<const std::byte> packet, TimePoint now) {
  if (packet.size() > kWaitingBytes - waiting_bytes_) return false;
  Link link = search_live(key, now);
  if (link == 0 && undecided_.count >= kUndecided) return false;
  if (link == 0) link = make(key, Fate::undecided, now);
  Datagram& datagram = at(link);
  if (datagram.waiting.size() >= kWaitingEach) return false;
  datagram.coverage.add(extent);
  datagram.waiting.emplace_back(packet.begin(), packet.end());
  waiting_bytes_ += packet.size();
  return true;
}

// There is always one that was decided where all places are taken.
FragmentTable::Link FragmentTable::make(const DatagramKey& key, Fate fate, TimePoint now) {
  if (free_ == 0 && pool_.size() >= kDatagrams) release(decided_.oldest);
  Link link = free_;
  if (link != 0) {
    free_ = at(link).next;
  } else {
    pool_.emplace_back();
    link = static_cast<Link>(pool_.size());
  }
  Datagram& datagram = at(link);
  datagram.key = key;
  datagram.decision.fate = fate;
  datagram.expires = now + kLifetime;
  Link& bucket = buckets_[bucket_of(key)];
  datagram.next = bucket;
  bucket = link;
  enter(link, ages_of(datagram));
  return link;
}

void FragmentTable::release(Link link) {
  unlink(link);
  Datagram& datagram = at(link);
  leave(link, ages_of(datagram));
  datagram.decision = {};
  datagram.coverage = {};
  datagram.waiting.clear();
  datagram.next = free_;
  free_ = link;
}

// It may be out of its bucket already.
void FragmentTable::unlink(Link link) {
  Link* next = &buckets_[bucket_of(at(link).key)];
  while (*next != 0 && *next != link) next = &at(*next).next;
  if (*next == link) *next = at(link).next;
}

void FragmentTable::enter(Link link, Ages& ages) {
  Datagram& datagram = at(link);
  datagram.older = ages.newest;
  datagram.newer = 0;
  (ages.newest != 0 ? at(ages.newest).newer : ages.oldest) = link;
  ages.newest = link;
  ++ages.count;
}

void FragmentTable::leave(Link link, Ages& ages) {
  const Datagram& datagram = at(link);
  (datagram.older != 0 ? at(datagram.older).newer : ages.oldest) = datagram.newer;
  (datagram.newer != 0 ? at(datagram.newer).older : ages.newest) = datagram.older;
  --ages.count;
}

std::size_t FragmentTable::expire(TimePoint now, const Lost& lost) {
  std::size_t count = 0, budget = kExpiriesPerCall;
  for (Ages* const ages : {&undecided_, &decided_}) {
    while (ages->oldest != 0 && at(ages->oldest).expires <= now && budget > 0) {
      --budget;
      for (const auto& packet : at(ages->oldest).waiting) {
        waiting_bytes_ -= packet.size();
        lost(packet);
      }
      count += at(ages->oldest).waiting.size();
      release(ages->oldest);
    }
  }
  return count;
}

std::optional<TimePoint> FragmentTable::next_deadline() const {
  std::optional<TimePoint> first;
  for (const Ages* const ages : {&undecided_, &decided_}) {
    if (ages->oldest == 0) continue;
    const TimePoint expires = at(ages->oldest).expires;
    if (!first || expires < *first) first = expires;
  }
  return first;
}

}  // namespace lvsd
