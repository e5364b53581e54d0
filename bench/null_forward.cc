// SPDX-License-Identifier: GPL-2.0-or-later
// The limit of the mechanism: takes packets from NFQUEUE and sends each, unchanged, as a frame to
// one next hop; or drops them all. No connection, no decision, no header is looked at but for what
// the kernel has to be told of a super-packet. Ends with SIGTERM.
//   null_forward drop QUEUE
//   null_forward forward QUEUE INTERFACE SOURCE-MAC DESTINATION-MAC
//   null_forward tunnel QUEUE INTERFACE SOURCE-MAC DESTINATION-MAC SOURCE DESTINATION
// A tunnel has its super-packets cut here, behind an outer IPv4 header each, because no device
// does. QUEUE is of packets as they are; QUEUE + 1 of TCP with super-packets.
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/model/emission.h"
#include "lvsd/net/checksum.h"
#include "lvsd/net/headers.h"

namespace {

using namespace lvsd;  // NOLINT: a program of one file

constexpr std::uint16_t kSegment = 1448;  // of Ethernet, with time stamps
constexpr std::size_t kTunnelSegment = kSegment - sizeof(Ipv4Header);

volatile std::sig_atomic_t stopped = 0;

struct Way {
  InterfaceIndex interface = kNoInterface;
  Mac source, destination;
};

Unfinished unfinished_of(const PacketBuffer& packet) {
  if (!packet.offload().unfinished_checksum) return {};
  const auto bytes = packet.bytes();
  const bool v6 = std::to_integer<unsigned>(bytes[0]) >> 4U == 6;
  const std::size_t ip = v6 ? 40 : (std::to_integer<std::size_t>(bytes[0]) & 0x0fU) * 4;
  return {static_cast<std::uint16_t>(ip), packet.offload().aggregated ? kSegment : std::uint16_t{}};
}

void forward(NfQueue& queue, const Way& way, PacketSocket& socket, std::vector<Emission>& frames) {
  frames.clear();
  for (const QueuedPacket& packet : queue.receive()) {
    queue.drop(packet.id);
    frames.push_back({.interface = way.interface,
                      .source = way.source,
                      .destination = way.destination,
                      .next_hop = {},
                      .packet = packet.packet.bytes(),
                      .head = {},
                      .unfinished = unfinished_of(packet.packet)});
  }
  socket.send(frames);
  queue.settle();
}

// One segment of `tcp`, as it is sent: TCP checksums are left to the receiver's side of the virtual
// link, so that this is the least that a tunnel without the kernel's help takes.
struct Cut {
  Ipv4Header outer, inner;
  TcpHeader tcp;
  std::span<const std::byte> options, payload;
  bool unfinished = false;
};

void add_segment(const Cut& cut, std::size_t from, std::size_t size, const Way& way,
                 Emissions& out) {
  const std::size_t headers = sizeof cut.inner + sizeof cut.tcp + cut.options.size();
  const bool last = from + size == cut.payload.size();
  Cut own = cut;
  own.inner.total_length = Be16(static_cast<std::uint16_t>(headers + size));
  own.inner.id = Be16(static_cast<std::uint16_t>(cut.inner.id.host() + from / kTunnelSegment));
  finish_checksum(own.inner);
  own.outer.total_length = Be16(static_cast<std::uint16_t>(sizeof cut.outer + headers + size));
  finish_checksum(own.outer);
  own.tcp.sequence = Be32(static_cast<std::uint32_t>(cut.tcp.sequence.host() + from));
  if (!last) {
    own.tcp.flags = static_cast<std::uint8_t>(own.tcp.flags & ~(TcpHeader::kFin | TcpHeader::kPsh));
  }
  if (cut.unfinished) {
    ChecksumSum sum;
    sum.add_pseudo(cut.inner.source, cut.inner.destination, cut.inner.protocol,
                   headers - sizeof cut.inner + size);
    own.tcp.checksum = std::bit_cast<Be16>(static_cast<std::uint16_t>(~sum.finish().raw()));
  }
  const std::span<std::byte> head = out.allocate(sizeof cut.outer + headers);
  store(head, own.outer);
  store(head, own.inner, sizeof own.outer);
  store(head, own.tcp, sizeof own.outer + sizeof own.inner);
  std::copy(cut.options.begin(), cut.options.end(),
            head.end() - static_cast<std::ptrdiff_t>(cut.options.size()));
  constexpr std::uint16_t kTcpAt = sizeof(Ipv4Header) + sizeof(Ipv4Header);
  out.add({.interface = way.interface,
           .source = way.source,
           .destination = way.destination,
           .next_hop = {},
           .packet = cut.payload.subspan(from, size),
           .head = head,
           .unfinished = {cut.unfinished ? kTcpAt : std::uint16_t{}, 0}});
}

// Only TCP over IPv4 without IP options comes here.
void tunnel(const PacketBuffer& packet, const Ipv4Header& outer, const Way& way, Emissions& out) {
  const auto bytes = packet.bytes();
  const auto inner = load<Ipv4Header>(bytes);
  const auto tcp = load<TcpHeader>(bytes, sizeof(Ipv4Header));
  if (!inner || !tcp || inner->header_length() != sizeof(Ipv4Header)) return;
  const std::size_t headers = sizeof(Ipv4Header) + tcp->header_length();
  if (headers > bytes.size()) return;
  constexpr std::size_t kFixed = sizeof(Ipv4Header) + sizeof(TcpHeader);
  const Cut cut{outer,
                *inner,
                *tcp,
                bytes.subspan(kFixed, headers - kFixed),
                bytes.subspan(headers),
                packet.offload().unfinished_checksum};
  std::size_t from = 0;
  do {
    const std::size_t size = std::min(kTunnelSegment, cut.payload.size() - from);
    add_segment(cut, from, size, way, out);
    from += size;
  } while (from < cut.payload.size());
}

void tunnel(NfQueue& queue, const Ipv4Header& outer, const Way& way, PacketSocket& socket,
            Emissions& out) {
  out.clear();
  for (const QueuedPacket& packet : queue.receive()) {
    queue.drop(packet.id);
    tunnel(packet.packet, outer, way, out);
  }
  socket.send(out.list());
  queue.settle();
}

void drop(NfQueue& queue) {
  for (const QueuedPacket& packet : queue.receive()) queue.drop(packet.id);
  queue.settle();
}

Mac mac(const char* text) {
  const std::optional<Mac> read = Mac::parse(text);
  if (!read) {
    std::fprintf(stderr, "no MAC address: %s\n", text);
    std::exit(2);
  }
  return *read;
}

Ipv4Address address(const char* text) {
  const std::optional<IpAddress> read = IpAddress::parse(text);
  if (!read || !read->is_v4()) {
    std::fprintf(stderr, "no IPv4 address: %s\n", text);
    std::exit(2);
  }
  return read->v4();
}

}  // namespace

int main(int argc, char** argv) {
  const bool forwards = argc == 6 && std::strcmp(argv[1], "forward") == 0;
  const bool tunnels = argc == 8 && std::strcmp(argv[1], "tunnel") == 0;
  if (!forwards && !tunnels && !(argc == 3 && std::strcmp(argv[1], "drop") == 0)) {
    std::fputs(
        "usage: null_forward drop QUEUE | forward QUEUE INTERFACE MAC MAC |\n"
        "       tunnel QUEUE INTERFACE MAC MAC SOURCE DESTINATION\n",
        stderr);
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  const auto number = static_cast<std::uint16_t>(std::atoi(argv[2]));
  Way way;
  if (argc > 5) way = {InterfaceIndex{if_nametoindex(argv[3])}, mac(argv[4]), mac(argv[5])};
  Ipv4Header outer;
  outer.flags_offset = Be16(Ipv4Header::kDontFragment);
  outer.ttl = 64;
  outer.protocol = static_cast<std::uint8_t>(IpProtocol::ipip);
  if (tunnels) {
    outer.source = address(argv[6]);
    outer.destination = address(argv[7]);
  }
  Emissions emissions;
  PacketSocket socket;
  std::vector<Emission> frames;
  NfQueue datagrams(number), streams(static_cast<std::uint16_t>(number + 1), QueueKind::streams);
  std::puts("ready");
  std::fflush(stdout);
  while (stopped == 0) {
    std::array<pollfd, 2> ready{pollfd{.fd = datagrams.fd(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = streams.fd(), .events = POLLIN, .revents = 0}};
    if (!datagrams.more() && !streams.more()) poll(ready.data(), ready.size(), -1);
    for (NfQueue* const queue : {&streams, &datagrams}) {
      if (forwards) {
        forward(*queue, way, socket, frames);
      } else if (tunnels) {
        tunnel(*queue, outer, way, socket, emissions);
      } else {
        drop(*queue);
      }
    }
  }
}
