// SPDX-License-Identifier: GPL-2.0-or-later
// Carries out a list of emissions, in order: neighbouring ones of one kind go to their socket
// together, so that a batch that forwards 64 packets costs one system call. The sockets are
// template parameters, so that a test can listen instead.
#pragma once

#include <algorithm>
#include <span>

#include "lvsd/model/emission.h"

namespace lvsd {

template <class Frames, class Routed, class Neighbors>
void carry_out(std::span<const Emission> emissions, Frames& packet_socket, Routed& raw_socket,
               Neighbors& neighbors) {
  while (!emissions.empty()) {
    const EmissionKind kind = emissions.front().kind;
    const auto end =
        std::ranges::find_if(emissions, [kind](const Emission& e) { return e.kind != kind; });
    const auto run = emissions.first(static_cast<std::size_t>(end - emissions.begin()));
    emissions = emissions.subspan(run.size());
    switch (kind) {
      using enum EmissionKind;
      case frame:
        packet_socket.send(run);
        break;
      case routed:
        raw_socket.send(run);
        break;
      case resolve:
        for (const Emission& e : run) neighbors.resolve(e.interface, e.next_hop);
        break;
      case refresh:
        for (const Emission& e : run) neighbors.refresh(e.interface, e.next_hop);
        break;
    }
  }
}

}  // namespace lvsd
