// SPDX-License-Identifier: GPL-2.0-or-later
#include "lookahead.h"

#include <optional>

#include "lvsd/net/fixed_header.h"

namespace lvsd {
namespace {

// Of a packet that needs no closer look; others are found without help.
std::optional<Tuple> plain_tuple(std::span<const std::byte> packet) {
  struct Ports {
    Be16 source, destination;
  };
  const auto header = fixed_header(packet);
  if (!header) return std::nullopt;
  const auto ports = load<Ports>(packet, header->length);
  if (!ports) return std::nullopt;
  return Tuple{header->source, header->destination, Port(ports->source), Port(ports->destination),
               header->protocol};
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
