// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/link_layer.h"

#include <algorithm>
#include <array>

#include "lvsd/net/checksum.h"
#include "lvsd/net/extension_headers.h"
#include "lvsd/net/headers.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::ctl {
namespace {

using Bytes = std::span<const std::byte>;
using Outcome = std::variant<Arrival, Skip>;

constexpr std::uint16_t kServiceVlan = 0x88a8;  // 802.1ad

struct SkipText {
  Skip skip;
  std::string_view name, sentence;
};
constexpr std::array<SkipText, kSkips> kTexts{{
    {Skip::sent_by_director, "sent-by-director", "sent by the director itself"},
    {Skip::other_machine, "other-machine", "addressed to another machine's MAC"},
    {Skip::group_address, "group-address", "sent to a broadcast or multicast address"},
    {Skip::arp, "arp", "ARP, which the kernel answers"},
    {Skip::vlan, "vlan", "carries a VLAN tag: its untagged copy belongs to the VLAN's interface"},
    {Skip::other_ethertype, "other-ethertype", "neither IP nor ARP"},
    {Skip::short_frame, "short-frame", "shorter than its link-layer header"},
    {Skip::cut_in_headers, "cut-in-headers", "cut by the snap length before its ports"},
}};
static_assert([] {
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    if (static_cast<std::size_t>(kTexts[i].skip) != i) return false;
  }
  return true;
}());

std::optional<Skip> skip_by_type(std::uint16_t type) {
  switch (type) {
    case ethertype::kIpv4:
    case ethertype::kIpv6:
      return std::nullopt;
    case ethertype::kArp:
      return Skip::arp;
    case ethertype::kVlan:
    case kServiceVlan:
      return Skip::vlan;
    default:
      return Skip::other_ethertype;
  }
}

const Interface* with_mac(const Network& network, const Mac& mac) {
  const auto& all = network.interfaces();
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Interface& i) { return i.mac == mac; });
  return it == all.end() ? nullptr : &*it;
}

bool is_v6(Bytes packet) {
  return !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4U == 6;
}

// Where the headers of the IP layer end, and what follows.
struct Transport {
  std::uint8_t protocol = 0;
  std::size_t begin = 0;
  bool first = true, last = true;  // of its fragments: both, where it is no fragment
};

std::optional<Transport> transport_of(Bytes packet) {
  if (is_v6(packet)) {
    const auto chain = walk_extensions(packet, 0);
    if (!chain) return std::nullopt;
    const Ipv6FragmentHeader& fragment = chain->fragment;
    return Transport{chain->protocol, chain->end, fragment.fragment_offset() == 0,
                     !fragment.more_fragments()};
  }
  const auto ip = load<Ipv4Header>(packet);
  if (!ip || ip->header_length() > packet.size()) return std::nullopt;
  return Transport{ip->protocol, ip->header_length(), ip->fragment_offset() == 0,
                   !ip->more_fragments()};
}

// Whether enough is left of a cut packet to decide it: the headers that the director looks at.
bool decidable(Bytes packet) {
  const auto transport = transport_of(packet);
  if (!transport) return false;
  if (!transport->first) return true;
  const std::size_t left = packet.size() - transport->begin;
  const auto quotes = [&](bool (*is_error)(std::uint8_t)) {
    const auto header = load<IcmpHeader>(packet, transport->begin);
    if (!header || !is_error(header->type)) return header.has_value();
    return parse_quoted(packet, transport->begin + sizeof(IcmpHeader)).has_value();
  };
  switch (static_cast<IpProtocol>(transport->protocol)) {
    case IpProtocol::tcp:
      return left >= sizeof(TcpHeader);
    case IpProtocol::udp:
      return left >= sizeof(UdpHeader);
    case IpProtocol::icmp:
      return quotes(icmp::is_error);
    case IpProtocol::icmpv6:
      return quotes(icmpv6::is_error);
    case IpProtocol::ipip:
    case IpProtocol::ipv6:
    case IpProtocol::gre:
      break;
  }
  return true;
}

// What the packet says its length is; 0 where it says nothing of use.
std::size_t said_length(Bytes packet) {
  if (is_v6(packet)) {
    const auto ip = load<Ipv6Header>(packet);
    return ip ? sizeof(Ipv6Header) + ip->payload_length.host() : 0;
  }
  const auto ip = load<Ipv4Header>(packet);
  const std::size_t total = ip && ip->version() == 4 ? ip->total_length.host() : 0;
  return total >= sizeof(Ipv4Header) ? total : 0;
}

// The packet behind `offset`, without what the link layer padded it with. The length that a record
// claims for its frame is anybody's word, up to 4 GB. The packet's own total length bounds it;
// where that says nothing of use, the packet is what was captured of it, as far as IP reaches.
Outcome packet_behind(const CapturedFrame& frame, std::size_t offset, std::string interface) {
  constexpr std::size_t kLongest = 65535;
  Arrival arrival{frame.bytes.subspan(offset), frame.length - offset, std::move(interface)};
  if (arrival.cut() && arrival.packet.size() < sizeof(Ipv4Header)) return Skip::cut_in_headers;
  const std::size_t total = said_length(arrival.packet);
  arrival.length =
      std::min(arrival.length, total != 0 ? total : std::min(arrival.packet.size(), kLongest));
  arrival.packet = arrival.packet.first(std::min(arrival.length, arrival.packet.size()));
  if (arrival.cut() && !decidable(arrival.packet)) return Skip::cut_in_headers;
  return arrival;
}

Outcome arrive_ethernet(const CapturedFrame& frame, const Network& network) {
  const auto header = load<EthernetHeader>(frame.bytes);
  if (!header) return Skip::short_frame;
  if (with_mac(network, header->source) != nullptr) return Skip::sent_by_director;
  if (const auto skip = skip_by_type(header->type.host())) return *skip;
  const Interface* const interface = with_mac(network, header->destination);
  // Without a network file there is one interface, and it takes every frame (design section 3).
  if (network.assumes_neighbors()) {
    return packet_behind(frame, sizeof(EthernetHeader), network.interfaces().front().name);
  }
  if (interface == nullptr) {
    const bool group = (header->destination.bytes()[0] & 1U) != 0;
    return group ? Skip::group_address : Skip::other_machine;
  }
  return packet_behind(frame, sizeof(EthernetHeader), interface->name);
}

std::optional<IpAddress> source_of(Bytes packet) {
  if (is_v6(packet)) {
    const auto ip = load<Ipv6Header>(packet);
    return ip ? std::optional(ip->source) : std::nullopt;
  }
  const auto ip = load<Ipv4Header>(packet);
  return ip ? std::optional<IpAddress>(ip->source) : std::nullopt;
}

Outcome arrive_raw(const CapturedFrame& frame, const Network& network) {
  if (frame.bytes.empty()) return Skip::short_frame;
  // Without MACs, an address of the director's own is all that tells what it sent.
  if (const auto source = source_of(frame.bytes); source && network.is_local(*source)) {
    return Skip::sent_by_director;
  }
  return packet_behind(frame, 0, "");
}

// Linux cooked: the packet type says who sent it to whom (pcap-linktype(7), LINUX_SLL and SLL2).
Outcome arrive_cooked(const CapturedFrame& frame, std::size_t length, std::uint16_t packet_type,
                      std::uint16_t protocol) {
  enum : std::uint16_t { kToUs, kBroadcast, kMulticast, kToOther, kFromUs };
  if (packet_type == kFromUs) return Skip::sent_by_director;
  if (const auto skip = skip_by_type(protocol)) return *skip;
  switch (packet_type) {
    case kToUs:
      return packet_behind(frame, length, "");
    case kBroadcast:
    case kMulticast:
      return Skip::group_address;
    default:
      return Skip::other_machine;
  }
}

Outcome arrive_cooked_v1(const CapturedFrame& frame) {
  constexpr std::size_t kLength = 16, kTypeAt = 0, kProtocolAt = 14;
  if (frame.bytes.size() < kLength) return Skip::short_frame;
  return arrive_cooked(frame, kLength, load<Be16>(frame.bytes, kTypeAt)->host(),
                       load<Be16>(frame.bytes, kProtocolAt)->host());
}

Outcome arrive_cooked_v2(const CapturedFrame& frame) {
  constexpr std::size_t kLength = 20, kProtocolAt = 0, kTypeAt = 10;
  if (frame.bytes.size() < kLength) return Skip::short_frame;
  return arrive_cooked(frame, kLength, std::to_integer<std::uint16_t>(frame.bytes[kTypeAt]),
                       load<Be16>(frame.bytes, kProtocolAt)->host());
}

}  // namespace

std::string_view to_string(Skip skip) { return kTexts[static_cast<std::size_t>(skip)].name; }
std::string_view explain(Skip skip) { return kTexts[static_cast<std::size_t>(skip)].sentence; }

Outcome arrive(const CapturedFrame& frame, LinkType type, const Network& network) {
  switch (type) {
    case LinkType::ethernet:
      return arrive_ethernet(frame, network);
    case LinkType::raw_ip:
      return arrive_raw(frame, network);
    case LinkType::cooked_v1:
      return arrive_cooked_v1(frame);
    case LinkType::cooked_v2:
      return arrive_cooked_v2(frame);
  }
  return Skip::short_frame;
}

void complete(std::span<std::byte> storage) {
  const auto transport = transport_of(storage);
  const bool v6 = is_v6(storage);
  const IpProtocol icmp = v6 ? IpProtocol::icmpv6 : IpProtocol::icmp;
  if (!transport || transport->protocol != static_cast<std::uint8_t>(icmp)) return;
  if (!transport->first || !transport->last) return;
  const std::span<std::byte> message = storage.subspan(transport->begin);
  auto header = load<IcmpHeader>(message);
  if (!header) return;
  header->checksum = Be16();
  store(message, *header);
  ChecksumSum sum;
  if (v6) {
    const auto ip = *load<Ipv6Header>(storage);
    sum.add_pseudo(ip.source, ip.destination, transport->protocol, message.size());
  }
  sum.add(message);
  header->checksum = sum.finish();
  store(message, *header);
}

}  // namespace lvsd::ctl
