// SPDX-License-Identifier: GPL-2.0-or-later
// Packets to the destinations, as lvsd would send a client's, and their answers.
#pragma once

#include <span>

#include "clients.h"
#include "wire.h"

namespace lvsd::doctor {

class Probes {
 public:
  Probes(const Network& network, Wire& wire, const Examination& wanted);
  void examine(std::span<DestinationEvidence> destinations);

 private:
  struct Probe {
    DestinationEvidence* seen = nullptr;
    Answer DestinationEvidence::*answer = nullptr;  // none: what matters is what else is heard
    Port mine;
    IpAddress source, target;  // who asks, and who is to answer
    bool tunnel = false;
    Bytes frame, reset;
  };
  // How a packet to `target` gets on the wire: bare, or in the destination's tunnel.
  enum class Wrapping : std::uint8_t { none, tunnel };
  static Wrapping wrapping_of(const DestinationEvidence& seen) {
    return std::holds_alternative<Tunnel>(seen.destination.method) ? Wrapping::tunnel
                                                                   : Wrapping::none;
  }
  enum class Sends : std::uint8_t { connection, datagram, echo };
  struct Packet {
    IpAddress from, target;
    Wrapping wrapping = Wrapping::none;
    Sends sends = Sends::connection;
    std::uint32_t size = 0;
  };

  void add(DestinationEvidence& seen, Answer DestinationEvidence::*answer, const Packet& wanted);
  void add_question(DestinationEvidence& seen);
  Bytes wrap(const DestinationEvidence& seen, Wrapping wrapping, const Bytes& packet,
             bool dont_fragment) const;
  void add_first(DestinationEvidence& seen);
  void add_then(DestinationEvidence& seen);
  void add_full_size(DestinationEvidence& seen);
  void add_nat(DestinationEvidence& seen);
  void add_by_vip(DestinationEvidence& seen);
  void add_second_thoughts(DestinationEvidence& seen);
  Port next_port();

  void run();
  bool is_awaited(const Probe& probe) const;
  void hear(const Heard& heard);
  void hear_question(DestinationEvidence& seen, const Heard& heard) const;
  bool answers(const Probe& probe, const Heard& heard) const;

  const Network& network_;
  Wire& wire_;
  const Examination& wanted_;
  Clients clients_;
  std::vector<Probe> probes_;
  std::uint32_t port_ = 0;
};

}  // namespace lvsd::doctor
