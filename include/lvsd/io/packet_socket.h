// SPDX-License-Identifier: GPL-2.0-or-later
// Sends whole Ethernet frames through any interface: an AF_PACKET socket of protocol 0, which means
// that it never receives. One socket serves all interfaces, each message names its own.
//
// Frames go through the interface's queueing discipline. PACKET_QDISC_BYPASS was rejected: it saves
// some 100 ns per packet, but loses shaping, hides our frames from tcpdump on the director, and
// where a device's ring is full it drops what the queue would have held.
#pragma once

#include <memory>
#include <span>

#include "lvsd/io/file_descriptor.h"
#include "lvsd/io/send_batch.h"
#include "lvsd/model/emission.h"

namespace lvsd {

class PacketSocket {
 public:
  PacketSocket();  // throws std::system_error
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  // Sends each as a frame: MACs, EtherType by IP version, packet. In order.
  void send(std::span<const Emission> frames);
  // Whether the kernel finishes checksums and cuts super-packets for us (PACKET_VNET_HDR, Linux
  // 2.6.27). Where it does not, no emission may have anything unfinished.
  bool takes_unfinished() const { return takes_unfinished_; }
  const SendCounters& counters() const { return counters_; }

 private:
  struct Batch;
  std::unique_ptr<Batch> batch_;
  FileDescriptor fd_;
  bool takes_unfinished_ = false;
  SendCounters counters_;
};

}  // namespace lvsd
