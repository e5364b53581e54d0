// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/director/connection_table.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace lvsd {
namespace {

std::uint32_t power_of_two_at_least(std::uint32_t value) {
  std::uint32_t power = 1024;
  while (power < value && power < (1U << 31U)) power <<= 1U;
  return power;
}

std::uint32_t* allocate_buckets(std::uint32_t count) {
  // calloc: a large array comes as untouched zero pages, so an idle director pays nothing for it.
  void* memory = std::calloc(count, sizeof(std::uint32_t));
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::uint32_t*>(memory);
}

}  // namespace

void ConnectionTable::FreeBuckets::operator()(std::uint32_t* memory) const { std::free(memory); }

ConnectionTable::ConnectionTable(std::uint32_t limit, const HashSeed& seed)
    : seed_(seed),
      limit_(std::max(limit, 1U)),
      mask_(power_of_two_at_least(limit_) - 1),
      buckets_(allocate_buckets(mask_ + 1)) {
  chunks_.reserve(limit_ / kChunk + 1);
}

std::uint32_t ConnectionTable::bucket_of(std::uint8_t protocol, const IpAddress& client,
                                         Port port) const {
  if (client.is_v4()) {  // one block instead of three
    const std::uint64_t address = client.v4().wire().raw(), low = port.wire().raw();
    const std::uint64_t key = address | low << 32U | std::uint64_t{protocol} << 48U;
    return static_cast<std::uint32_t>(siphash13_short(seed_, key, 7)) & mask_;
  }
  std::array<std::byte, 19> key;
  std::memcpy(key.data(), client.bytes().data(), 16);
  const Be16 wire = port.wire();
  std::memcpy(key.data() + 16, &wire, 2);
  key[18] = std::byte{protocol};
  return static_cast<std::uint32_t>(siphash13(seed_, key)) & mask_;
}

std::optional<ConnectionId> ConnectionTable::find_request(const Tuple& tuple, TimePoint now) const {
  const auto find = [&](Port client_port, bool known) {
    return find_by_client(
        tuple.protocol, tuple.source, client_port, now, [&](const Connection& entry) {
          return entry.virtual_port == tuple.destination_port &&
                 entry.virtual_address == tuple.destination &&
                 entry.has(Connection::kNoClientPort) != known && !entry.is_template();
        });
  };
  // A client may send from port 0. The kernel never finds such a connection again and makes another
  // for each packet, all in one bucket.
  const auto found = find(tuple.source_port, true);
  return found || without_port_ == 0 ? found : find(Port(), false);
}

std::optional<ConnectionId> ConnectionTable::find_template(const Connection& like,
                                                           TimePoint now) const {
  return find_by_client(like.protocol, like.client, Port(), now, [&](const Connection& entry) {
    return entry.is_template() && !entry.has(Connection::kHasEngineData) &&
           entry.virtual_port == like.virtual_port && entry.virtual_address == like.virtual_address;
  });
}

std::optional<ConnectionId> ConnectionTable::insert(const Connection& value, TimePoint now) {
  wheel_.begin(now);
  std::uint32_t index = 0;
  if (free_ != 0) {
    index = free_ - 1;
    free_ = at(index).next;
  } else {
    if (used_ == limit_) return std::nullopt;
    index = used_++;
    if ((index >> kChunkBits) == chunks_.size()) {
      chunks_.push_back(std::make_unique<Connection[]>(kChunk));
    }
  }
  Connection& entry = at(index);
  entry = value;
  entry.timer = {};
  link(index);
  ++size_;
  if (entry.has(Connection::kNoClientPort)) ++without_port_;
  wheel_.schedule(index, entry.expires, *this);
  return ConnectionId{index};
}

void ConnectionTable::erase(ConnectionId id) {
  const auto index = static_cast<std::uint32_t>(id);
  Connection& entry = at(index);
  unlink(index);
  if (entry.has(Connection::kNoClientPort)) --without_port_;
  wheel_.cancel(index, *this);
  entry = Connection{};
  entry.next = free_;
  free_ = index + 1;
  --size_;
}

void ConnectionTable::set_client_port(ConnectionId id, Port port) {
  const auto index = static_cast<std::uint32_t>(id);
  Connection& entry = at(index);
  unlink(index);
  entry.client_port = port;
  entry.flags &= ~Connection::kNoClientPort;
  --without_port_;
  link(index);
}

// An engine's templates, of which one client may have any number, are found by the engine's data:
// they are spread over the buckets, so that taking one out of its own costs no more than others.
std::uint32_t ConnectionTable::bucket_of(std::uint32_t index) const {
  const Connection& entry = at(index);
  constexpr std::uint32_t kSpread = 0x9e3779b1U;
  if (entry.has(Connection::kHasEngineData)) return (index * kSpread) & mask_;
  return bucket_of(entry.protocol, entry.client, entry.client_port);
}

void ConnectionTable::link(std::uint32_t index) {
  Connection& entry = at(index);
  std::uint32_t& head = buckets_[bucket_of(index)];
  entry.next = head;
  head = index + 1;
}

void ConnectionTable::unlink(std::uint32_t index) {
  const Connection& entry = at(index);
  std::uint32_t* link = &buckets_[bucket_of(index)];
  while (*link != index + 1) link = &at(*link - 1).next;
  *link = entry.next;
}

void ConnectionTable::touch(ConnectionId id, TimePoint expires) {
  const auto index = static_cast<std::uint32_t>(id);
  at(index).expires = expires;
  wheel_.hasten(index, expires, *this);
}

}  // namespace lvsd
