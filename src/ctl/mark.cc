// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/ctl/link_layer.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::ctl {

std::uint32_t mark_of(std::span<const std::byte> packet, std::string_view interface,
                      const Network& network) {
  if (network.marks().empty()) return 0;
  const Result<PacketView, Malformed> view = parse_packet(packet);
  if (!view) return 0;
  const Tuple& tuple = view->tuple;
  const Interface* const came_by = network.interface(interface);
  const auto matches = [&](const MarkRule& rule) {
    if (rule.interface != kNoInterface && (!came_by || came_by->index != rule.interface)) {
      return false;
    }
    if (rule.source && !rule.source->contains(tuple.source)) return false;
    if (rule.destination && !rule.destination->contains(tuple.destination)) return false;
    if (rule.protocol && *rule.protocol != tuple.protocol) return false;
    return rule.ports.empty() ||
           (view->has_ports &&
            std::find(rule.ports.begin(), rule.ports.end(), tuple.destination_port) !=
                rule.ports.end());
  };
  std::uint32_t mark = 0;
  for (const MarkRule& rule : network.marks()) {
    if (matches(rule)) mark = rule.mark;
  }
  return mark;
}

}  // namespace lvsd::ctl
