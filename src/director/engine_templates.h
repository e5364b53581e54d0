// SPDX-License-Identifier: GPL-2.0-or-later
// Templates of persistence engines: found by the engine's data (a SIP Call-ID) beside the usual
// keys (reference section 5.5). The entries are in the connection table; here is only which one it
// is.
//
// Clients choose the data, so the hash is seeded. The table's own limit bounds how many there are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lvsd/director/connection_table.h"

namespace lvsd {

class EngineTemplates {
 public:
  explicit EngineTemplates(const HashSeed& seed) : by_key_(16, Hash{seed}) {}

  std::optional<ConnectionId> find(const Connection& like, std::string_view data) const;
  void add(ConnectionId id, const Connection& like, std::string_view data);
  void erase(ConnectionId id);
  std::string_view data(ConnectionId id) const;  // empty where there is none

 private:
  struct Hash {
    HashSeed seed;
    std::size_t operator()(const std::string& key) const;
  };
  std::unordered_map<std::string, ConnectionId, Hash> by_key_;
  std::unordered_map<std::uint32_t, std::string> keys_;
};

}  // namespace lvsd
