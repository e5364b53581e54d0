// SPDX-License-Identifier: GPL-2.0-or-later
#include "lookahead.h"

#include <optional>

namespace lvsd {
namespace {

// Of a packet that needs no closer look; others are found without help.
std::optional<Tuple> plain_tuple(std::span<const std::byte> packet) {
  struct Ports {
    Be16 source, destination;
  };
  Tuple tuple;
  std::size_t ports_at = sizeof(Ipv4Header);
  if (const auto v4 = load<Ipv4Header>(packet); v4 && v4->version_ihl == 0x45) {
    tuple.source = v4->source;
    tuple.destination = v4->destination;
    tuple.protocol = v4->protocol;
  } else if (const auto v6 = load<Ipv6Header>(packet); v6 && v6->version() == 6) {
    ports_at = sizeof(Ipv6Header);
    tuple.source = v6->source;
    tuple.destination = v6->destination;
    tuple.protocol = v6->next_header;
  } else {
    return std::nullopt;
  }
  const auto ports = load<Ports>(packet, ports_at);
  if (!ports) return std::nullopt;
  tuple.source_port = Port(ports->source);
  tuple.destination_port = Port(ports->destination);
  return tuple;
}

}  // namespace

void Lookahead::expect(const ConnectionTable& table, std::span<const std::byte> packet,
                       bool replies) {
  if (table.size() <= kSmall) return;
  auto& buckets = buckets_[next_];
  next_ = (next_ + 1) % kBehind;
  for (const std::uint32_t bucket : buckets) {
    if (bucket != 0) table.prefetch_newest(bucket);
  }
  buckets = {};
  const auto tuple = plain_tuple(packet);
  if (!tuple) return;
  buckets[0] = table.prefetch_bucket(tuple->protocol, tuple->source, tuple->source_port);
  if (!replies) return;
  buckets[1] = table.prefetch_bucket(tuple->protocol, tuple->destination, tuple->destination_port);
}

}  // namespace lvsd
