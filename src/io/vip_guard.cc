// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/vip_guard.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "lvsd/net/headers.h"

namespace lvsd {
namespace {

constexpr std::size_t kLongest = 256;  // of a frame: what matters is in front
constexpr int kBurst = 64;             // frames between two looks at other things
constexpr std::uint8_t kAdvertisement = 136, kTargetAddress = 2;
constexpr std::size_t kIcmpType = sizeof(EthernetHeader) + sizeof(Ipv6Header);

struct ArpFields {  // RFC 826, Ethernet and IPv4
  Be16 hardware, protocol;
  std::uint8_t hardware_length = 0, protocol_length = 0;
  Be16 operation;
  Mac sender_mac;
  Ipv4Address sender;
};

struct Advertisement {  // RFC 4861 section 4.4, with its option
  std::uint8_t type = 0, code = 0;
  Be16 checksum;
  Be32 flags;
  IpAddress target;
  std::uint8_t option = 0, option_length = 0;
  Mac mac;
};

// ARP; IPv6 with ICMPv6 of that type. Jumps count from the next line.
constexpr std::array kFilter{
    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ethertype::kArp, 6, 0),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ethertype::kIpv6, 0, 4),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 2),
    sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIcmpType),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAdvertisement, 1, 0),
    sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
    sock_filter BPF_STMT(BPF_RET | BPF_K, kLongest),
};

using OnClaim = std::function<void(InterfaceIndex, const AddressClaim&)>;

void read_some(int socket, const OnClaim& on_claim) {
  std::array<std::byte, kLongest> buffer{};
  for (int i = 0; i < kBurst; ++i) {
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    const ssize_t length = ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT,
                                      reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    const auto claim =
        parse_claim(std::span<const std::byte>(buffer).first(static_cast<std::size_t>(length)));
    if (claim) on_claim(InterfaceIndex{static_cast<std::uint32_t>(from.sll_ifindex)}, *claim);
  }
}

}  // namespace

std::optional<AddressClaim> parse_claim(std::span<const std::byte> frame) {
  const auto ethernet = load<EthernetHeader>(frame);
  if (!ethernet) return std::nullopt;
  if (ethernet->type == Be16(ethertype::kArp)) {
    const auto arp = load<ArpFields>(frame, sizeof(EthernetHeader));
    if (!arp || arp->protocol != Be16(ethertype::kIpv4) || arp->hardware_length != 6) {
      return std::nullopt;
    }
    if (arp->sender == Ipv4Address()) return std::nullopt;
    return AddressClaim{arp->sender, arp->sender_mac};
  }
  const auto ip = load<Ipv6Header>(frame, sizeof(EthernetHeader));
  if (ethernet->type != Be16(ethertype::kIpv6) || !ip || ip->next_header != 58) {
    return std::nullopt;
  }
  const auto message = load<Advertisement>(frame, kIcmpType);
  // A hop limit of 255 proves that no router forwarded it.
  if (!message || message->type != kAdvertisement || ip->hop_limit != 255) return std::nullopt;
  if (message->option != kTargetAddress || message->option_length != 1) return std::nullopt;
  return AddressClaim{message->target, message->mac};
}

std::optional<VipGuard::Decision> VipGuard::notice(InterfaceIndex heard_on,
                                                   const AddressClaim& claim,
                                                   const std::vector<IpAddress>& vips,
                                                   const Network& network, Duration interval,
                                                   Time now) {
  if (std::find(vips.begin(), vips.end(), claim.address) == vips.end()) return std::nullopt;
  const auto& interfaces = network.interfaces();
  const bool ours = std::any_of(interfaces.begin(), interfaces.end(),
                                [&](const Interface& own) { return own.mac == claim.mac; });
  if (ours) return std::nullopt;
  ++conflicts_;
  Decision decision;
  const auto known = thieves_.find(claim);
  if (known != thieves_.end()) {
    ++known->second;
  } else if (thieves_.size() < kThieves) {
    thieves_.emplace(claim, 1);
    decision.report = true;
  }
  if (interval <= Duration::zero()) return decision;
  const std::pair where(claim.address, heard_on);
  const auto last = answered_.find(where);
  decision.answer = last == answered_.end() || now - last->second >= interval;
  if (decision.answer) answered_[where] = now;
  return decision;
}

ClaimSocket::ClaimSocket() : events_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!events_.valid()) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot wait for who claims an address");
  }
}

Status ClaimSocket::listen(const std::vector<IpAddress>& addresses) {
  const auto some = [&](bool v6) {
    return std::any_of(addresses.begin(), addresses.end(),
                       [v6](const IpAddress& address) { return address.is_v4() != v6; });
  };
  const Status arp = hear(arp_, some(false), ETH_P_ARP);
  const Status neighbors = hear(neighbors_, some(true), ETH_P_IPV6);
  return arp ? neighbors : arp;
}

Status ClaimSocket::hear(FileDescriptor& socket, bool wanted, std::uint16_t protocol) {
  if (!wanted) socket.reset();  // which takes it out of events_, too
  if (!wanted || socket.valid()) return Done{};
  // Protocol 0 hears nothing until it is bound, when the filter is in place.
  FileDescriptor fresh(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  std::array<sock_filter, kFilter.size()> filter = kFilter;
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(protocol);
  epoll_event readable{.events = EPOLLIN, .data = {}};
  if (!fresh.valid() ||
      ::setsockopt(fresh.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 ||
      ::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&all), sizeof(all)) != 0 ||
      ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fresh.get(), &readable) != 0) {
    return fail("cannot listen for who claims an address: " +
                std::generic_category().message(errno));
  }
  socket = std::move(fresh);
  return Done{};
}

void ClaimSocket::read(const std::function<void(InterfaceIndex, const AddressClaim&)>& on_claim) {
  for (const FileDescriptor* socket : {&arp_, &neighbors_}) {
    if (socket->valid()) read_some(socket->get(), on_claim);
  }
}

}  // namespace lvsd
