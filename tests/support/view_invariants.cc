// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/view_invariants.h"

namespace lvsd::test {
namespace {

bool has_a_port(const Tuple& tuple) {
  return tuple.source_port.host() != 0 || tuple.destination_port.host() != 0;
}

bool of_family(const Tuple& tuple, bool v6) {
  return tuple.source.is_v4() != v6 && tuple.destination.is_v4() != v6;
}

}  // namespace

std::string broken_promise(std::span<const std::byte> bytes, const PacketView& view) {
  if (view.total_length > bytes.size()) return "total_length is beyond the bytes";
  const std::size_t shortest = view.v6 ? 40 : 20;
  if (view.transport_offset < shortest) return "transport_offset in the header";
  if (!view.v6 && view.transport_offset > 60) return "transport_offset";
  if (view.transport_offset % 4 != 0) return "transport_offset is no multiple of 4";
  if (view.payload_offset < view.transport_offset) return "payload_offset before the transport";
  if (view.payload_offset > view.total_length) return "payload_offset beyond the packet";
  if (!of_family(view.tuple, view.v6)) return "addresses";
  if (!view.has_ports && has_a_port(view.tuple)) return "ports without has_ports";
  if (view.is_later_fragment() && view.has_ports) return "ports in a later fragment";
  if (view.has_ports && !view.is(IpProtocol::tcp) && !view.is(IpProtocol::udp)) {
    return "ports of a protocol that has none";
  }
  if (!view.quoted) return {};
  if (!view.is_icmp_error()) return "a quotation outside an ICMP error";
  if (view.quoted->v6 != view.v6) return "a quotation of the other family";
  return broken_promise(bytes.first(view.total_length), view.transport_offset + std::size_t{8},
                        *view.quoted);
}

std::string broken_promise(std::span<const std::byte> bytes, std::size_t offset,
                           const QuotedPacket& quoted) {
  if (quoted.offset != offset) return "quoted.offset";
  const std::size_t shortest = quoted.v6 ? 40 : 20;
  if (quoted.transport_offset < quoted.offset + shortest)
    return "quoted.transport_offset in the header";
  if (quoted.transport_offset > bytes.size()) return "quoted.transport_offset beyond the bytes";
  if (!of_family(quoted.tuple, quoted.v6)) return "quoted addresses";
  if (quoted.has_ports && quoted.transport_offset + std::size_t{4} > bytes.size()) {
    return "quoted ports beyond the bytes";
  }
  if (!quoted.has_ports && has_a_port(quoted.tuple)) return "quoted ports without has_ports";
  if (quoted.fragment_offset != 0 && quoted.has_ports) return "ports in a quoted later fragment";
  return {};
}

}  // namespace lvsd::test
