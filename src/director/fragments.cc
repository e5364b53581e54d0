// SPDX-License-Identifier: GPL-2.0-or-later
#include "fragments.h"

#include <array>
#include <cstring>
#include <utility>

namespace lvsd {

DatagramKey datagram_of(const PacketView& view) {
  const std::uint8_t protocol = view.v6 ? std::uint8_t{0} : view.tuple.protocol;
  return {view.tuple.source, view.tuple.destination, view.ip_id, protocol};
}

std::size_t FragmentTable::Hash::operator()(const DatagramKey& key) const {
  std::array<std::byte, 37> bytes;
  const IpAddress::Bytes source = key.source.bytes(), destination = key.destination.bytes();
  std::memcpy(bytes.data(), source.data(), 16);
  std::memcpy(bytes.data() + 16, destination.data(), 16);
  std::memcpy(bytes.data() + 32, &key.id, 4);
  bytes[36] = std::byte{key.protocol};
  return static_cast<std::size_t>(siphash13(seed, bytes));
}

FragmentTable::Decision FragmentTable::find(const DatagramKey& key, TimePoint now) const {
  const auto found = datagrams_.find(key);
  if (found == datagrams_.end() || found->second.expires <= now) return {};
  return found->second.decision;
}

void FragmentTable::rename_destinations(const std::function<DestinationId(DestinationId)>& to) {
  for (auto& [key, datagram] : datagrams_) {
    datagram.decision.destination = to(datagram.decision.destination);
  }
}

std::vector<std::vector<std::byte>> FragmentTable::decide(const DatagramKey& key,
                                                          const Decision& decision, TimePoint now) {
  Datagram* datagram = remember(key, now);
  if (datagram == nullptr) return {};
  datagram->decision = decision;
  for (const auto& packet : datagram->waiting) waiting_bytes_ -= packet.size();
  return std::exchange(datagram->waiting, {});
}

bool FragmentTable::hold(const DatagramKey& key, std::span<const std::byte> packet, TimePoint now) {
  if (packet.size() > kWaitingBytes - waiting_bytes_) return false;
  Datagram* datagram = remember(key, now);
  if (datagram == nullptr || datagram->waiting.size() >= kWaitingEach) return false;
  datagram->waiting.emplace_back(packet.begin(), packet.end());
  waiting_bytes_ += packet.size();
  return true;
}

// The entry of that datagram; null where there are too many. One whose time is past starts over.
FragmentTable::Datagram* FragmentTable::remember(const DatagramKey& key, TimePoint now) {
  const auto found = datagrams_.find(key);
  if (found != datagrams_.end()) return &found->second;
  if (datagrams_.size() >= kDatagrams) return nullptr;
  ages_.push_back({key, now + kLifetime});
  return &datagrams_.emplace(key, Datagram{{}, now + kLifetime, {}}).first->second;
}

std::size_t FragmentTable::expire(TimePoint now, const Lost& lost) {
  std::size_t count = 0;
  while (!ages_.empty() && ages_.front().expires <= now) {
    const auto found = datagrams_.find(ages_.front().key);
    for (const auto& packet : found->second.waiting) {
      waiting_bytes_ -= packet.size();
      lost(packet);
    }
    count += found->second.waiting.size();
    datagrams_.erase(found);
    ages_.pop_front();
  }
  return count;
}

std::optional<TimePoint> FragmentTable::next_deadline() const {
  if (ages_.empty()) return std::nullopt;
  return ages_.front().expires;
}

}  // namespace lvsd
