// SPDX-License-Identifier: GPL-2.0-or-later
// The limit of the mechanism: takes packets from NFQUEUE and sends each, unchanged, as a frame to
// one next hop; or drops them all. No connection, no decision, no header is looked at but for what
// the kernel has to be told of a super-packet. Ends with SIGTERM.
//   null_forward forward|drop QUEUE [INTERFACE SOURCE-MAC DESTINATION-MAC]
// QUEUE is of packets as they are; QUEUE + 1 of TCP with super-packets.
#include <net/if.h>
#include <poll.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lvsd/io/nfqueue.h"
#include "lvsd/io/packet_socket.h"
#include "lvsd/net/headers.h"

namespace {

using namespace lvsd;  // NOLINT: a program of one file

constexpr std::uint16_t kSegment = 1448;  // of Ethernet, with time stamps

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

}  // namespace

int main(int argc, char** argv) {
  const bool forwards = argc == 6 && std::strcmp(argv[1], "forward") == 0;
  if (!forwards && !(argc == 3 && std::strcmp(argv[1], "drop") == 0)) {
    std::fputs("usage: null_forward forward QUEUE INTERFACE SOURCE DESTINATION | drop QUEUE\n",
               stderr);
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  const auto number = static_cast<std::uint16_t>(std::atoi(argv[2]));
  Way way;
  if (forwards) way = {InterfaceIndex{if_nametoindex(argv[3])}, mac(argv[4]), mac(argv[5])};
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
      } else {
        drop(*queue);
      }
    }
  }
}
