// SPDX-License-Identifier: GPL-2.0-or-later
// Puts one chain of iptables-nft back right after `nft flush ruleset`.
//
// Until the rules are back, segments of established connections reach the local stack, which
// answers them with resets. Starting iptables-restore takes milliseconds; worse, a program that has
// changed nf_tables holds their lock while it exits, until an RCU grace period is over (10 ms and
// more where we measured). So the rules are read from the kernel once, after iptables wrote them,
// and the whole transaction that makes them again lies ready beside an open socket: sent on the
// first sign of a change, it is usually in before the other program exits.
//
// This is for a table that is gone as a whole. The transaction fails where the table is there; all
// other damage is left to iptables-restore, and what was put back is checked by iptables-save.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lvsd/io/capture_text.h"

namespace lvsd {

class ChainSnapshot {
 public:
  // Reads `chain` and the built-in chain that jumps to it. Where that fails (legacy iptables, no
  // nf_tables), restore() does nothing.
  explicit ChainSnapshot(const IptablesChain& chain);
  // True where the table was gone and is back with our rules.
  bool restore() const;

 private:
  struct CloseSocket {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };

  std::unique_ptr<mnl_socket, CloseSocket> socket_;
  std::vector<char> transaction_;
  std::uint32_t last_ = 0;  // its last message, which the kernel acknowledges
};

}  // namespace lvsd
