// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/announce_frames.h"

#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

struct ArpPacket {  // RFC 826, Ethernet and IPv4
  Be16 hardware{1}, protocol{ethertype::kIpv4};
  std::uint8_t hardware_length = 6, protocol_length = 4;
  Be16 operation{1};  // a request: RFC 5227 section 3 says why
  Mac sender_mac;
  Ipv4Address sender;
  Mac target_mac;  // ignored
  Ipv4Address target;
};
static_assert(sizeof(ArpPacket) == 28 && alignof(ArpPacket) == 1);

struct Ipv6Header {
  Be32 version_class_flow{6U << 28U};
  Be16 payload_length;
  std::uint8_t next_header = 58;  // ICMPv6
  std::uint8_t hop_limit = 255;   // RFC 4861: proof that no router forwarded it
  IpAddress::Bytes source{}, destination{};
};
struct NeighborAdvertisement {
  std::uint8_t type = 136, code = 0;
  Be16 checksum;
  Be32 flags{1U << 29U};  // override
  IpAddress::Bytes target{};
  std::uint8_t option = 2, option_length = 1;  // target link-layer address, in units of 8 bytes
  Mac mac;
};
struct AdvertisementFrame {
  EthernetHeader ethernet;
  Ipv6Header ip;
  NeighborAdvertisement icmp;
};
static_assert(sizeof(AdvertisementFrame) == 14 + 40 + 32 && alignof(AdvertisementFrame) == 1);

struct PseudoHeader {  // RFC 8200 section 8.1
  IpAddress::Bytes source{}, destination{};
  Be32 length{sizeof(NeighborAdvertisement)};
  Be32 next_header{58};
};

template <class Frame>
std::vector<std::byte> to_bytes(const Frame& frame) {
  std::vector<std::byte> bytes(sizeof(Frame));
  store(std::span<std::byte>(bytes), frame);
  return bytes;
}

std::vector<std::byte> arp_announcement(const Mac& mac, const Ipv4Address& address) {
  struct Frame {
    EthernetHeader ethernet;
    ArpPacket arp;
  } frame;
  frame.ethernet = {Mac({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), mac, Be16{ethertype::kArp}};
  frame.arp.sender_mac = mac;
  frame.arp.sender = address;
  frame.arp.target = address;
  return to_bytes(frame);
}

std::vector<std::byte> unsolicited_advertisement(const Mac& mac, const IpAddress& address) {
  constexpr IpAddress::Bytes kAllNodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  AdvertisementFrame frame;
  frame.ethernet = {Mac({0x33, 0x33, 0, 0, 0, 1}), mac, Be16{ethertype::kIpv6}};
  frame.ip.payload_length = Be16{sizeof(NeighborAdvertisement)};
  frame.ip.source = address.bytes();
  frame.ip.destination = kAllNodes;
  frame.icmp.target = address.bytes();
  frame.icmp.mac = mac;
  ChecksumSum sum;
  PseudoHeader pseudo;
  pseudo.source = frame.ip.source;
  pseudo.destination = frame.ip.destination;
  sum.add(std::as_bytes(std::span(&pseudo, 1)));
  sum.add(std::as_bytes(std::span(&frame.icmp, 1)));
  frame.icmp.checksum = sum.finish();
  return to_bytes(frame);
}

}  // namespace

std::vector<std::byte> announcement_frame(const Mac& mac, const IpAddress& address) {
  return address.is_v4() ? arp_announcement(mac, address.v4())
                         : unsolicited_advertisement(mac, address);
}

}  // namespace lvsd
