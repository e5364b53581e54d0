// SPDX-License-Identifier: GPL-2.0-or-later
// Packets to the destinations, as lvsd would send a client's, and their answers.
#pragma once

#include <span>

#include "lvsd/doctor/evidence.h"
#include "lvsd/doctor/examine.h"
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
    IpAddress target;  // who is to answer
    bool tunnel = false;
    Bytes frame, reset;
  };
  // How a packet to `target` gets on the wire: bare, or in the destination's tunnel.
  enum class Wrapping : std::uint8_t { none, tunnel };

  void add(DestinationEvidence& seen, Answer DestinationEvidence::*answer, const IpAddress& from,
           const IpAddress& target, Wrapping wrapping, std::uint32_t size = 0);
  void add_datagram(DestinationEvidence& seen, const IpAddress& from, const IpAddress& target,
                    Wrapping wrapping);
  Bytes wrap(const DestinationEvidence& seen, Wrapping wrapping, const Bytes& packet,
             bool dont_fragment) const;
  void add_all(DestinationEvidence& seen);
  void add_direct(DestinationEvidence& seen);
  void add_tunnel(DestinationEvidence& seen, const IpAddress& from);
  void add_nat(DestinationEvidence& seen);
  IpAddress source_for(const DestinationEvidence& seen, bool v4) const;
  IpAddress client_for(const DestinationEvidence& seen) const;
  Port next_port();

  void run();
  void hear(const Heard& heard);
  bool answers(const Probe& probe, const Heard& heard) const;

  const Network& network_;
  Wire& wire_;
  const Examination& wanted_;
  std::vector<Probe> probes_;
  std::uint32_t port_ = 0;
};

}  // namespace lvsd::doctor
