// SPDX-License-Identifier: GPL-2.0-or-later
// Connections whose client is a real server itself, and goes on to the chosen one under an address
// of the director's: with which port, and which connection an answer to it belongs to. A port may
// serve many connections, but one with each server.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "lvsd/director/connection_table.h"
#include "lvsd/model/hairpin.h"

namespace lvsd {

class Hairpins {
 public:
  // The ports of this one of so many workers.
  Hairpins(unsigned worker, unsigned workers) : next_(worker % workers), step_(workers) {}

  bool empty() const { return by_answer_.empty(); }
  // A place, for Connection::hairpin; nothing where all ports to that server are taken.
  std::optional<std::uint32_t> add(ConnectionId id, std::uint8_t protocol, const Endpoint& server,
                                   const IpAddress& own);
  void erase(std::uint32_t place);
  // Of a packet from a server to an address of ours.
  std::optional<ConnectionId> find(const Tuple& answer) const;
  // What the server of this connection takes for the client.
  Endpoint source(std::uint32_t place) const;
  void rename(std::uint32_t place, ConnectionId id);  // in a copy of the table

 private:
  struct Hash {
    std::size_t operator()(const Tuple& tuple) const;
  };

  unsigned next_, step_;
  std::unordered_map<Tuple, ConnectionId, Hash> by_answer_;
  std::vector<Tuple> answers_;       // by place - 1
  std::vector<std::uint32_t> free_;  // places
};

}  // namespace lvsd
