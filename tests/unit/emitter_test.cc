// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/emitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lvsd {
namespace {

// Sockets that write down what they are told: one word per call, one letter per emission.
struct Log {
  std::string text;
  struct Socket {
    Log& log;
    std::string name;
    void send(std::span<const Emission> run) {
      log.text += name;
      for (const Emission& e : run) log.text += std::to_string(static_cast<unsigned>(e.interface));
      log.text += ' ';
    }
  };
  struct Neighbors {
    Log& log;
    void resolve(InterfaceIndex interface, const IpAddress& address) {
      log.text += "resolve" + std::to_string(static_cast<unsigned>(interface)) + "@" +
                  to_string(address) + ' ';
    }
    void refresh(InterfaceIndex interface, const IpAddress& address) {
      log.text += "refresh" + std::to_string(static_cast<unsigned>(interface)) + "@" +
                  to_string(address) + ' ';
    }
  };
};

std::string carried_out(const std::vector<EmissionKind>& kinds) {
  std::vector<Emission> list;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    Emission& emission = list.emplace_back();
    emission.kind = kinds[i];
    emission.interface = InterfaceIndex{static_cast<std::uint32_t>(i + 1)};
    emission.next_hop = IpAddress(10, 0, 0, 1);
  }
  Log log;
  Log::Socket frames{log, "frame"}, routed{log, "routed"};
  Log::Neighbors neighbors{log};
  carry_out(list, frames, routed, neighbors);
  return log.text;
}

TEST(Emitter, GroupsNeighboursOfOneKindAndKeepsTheOrder) {
  using enum EmissionKind;
  EXPECT_EQ(carried_out({}), "");
  EXPECT_EQ(carried_out({frame, frame, frame}), "frame123 ");
  EXPECT_EQ(carried_out({frame, frame, routed, frame, routed, routed}),
            "frame12 routed3 frame4 routed56 ");
  EXPECT_EQ(carried_out({resolve, refresh, frame, resolve}),
            "resolve1@10.0.0.1 refresh2@10.0.0.1 frame3 resolve4@10.0.0.1 ");
}

}  // namespace
}  // namespace lvsd
