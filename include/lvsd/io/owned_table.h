// SPDX-License-Identifier: GPL-2.0-or-later
// Capture rules in an nf_tables table of our own that no other program can change: table ip lvsd
// or ip6 lvsd, flags owner and persist (Linux 6.9).
//
// `nft flush ruleset` passes such a table by. In any other place the rules would be gone until we
// had heard of it and brought them back, which takes a kernel's RCU grace period at least (10 ms
// and more where we measured): time enough for the local stack to reset every busy connection. When
// the owner's socket closes, also by a kill, the rules stay, and the next owner adopts them.
//
// iptables cannot write to such a table. So each rule is written by iptables to a chain that
// nothing jumps to, read from there as the kernel keeps it, and put into the table as it was read,
// without a need to understand it.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lvsd/io/capture_text.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct CloseTableSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using TableSocket = std::unique_ptr<mnl_socket, CloseTableSocket>;

// A rule as the kernel dumps it. `protocol` is what its `-p` says: the kernel does not dump that,
// but extensions insist on it.
struct CompiledRule {
  std::vector<char> expressions;
  std::uint32_t protocol = 0;
};

struct OwnedChain {
  std::string name;  // prerouting, input, output
  std::uint32_t hook = 0;
  std::int32_t priority = 0;
  std::vector<CompiledRule> rules;
};

// iptables makes its tables when it needs them and leaves them behind. While this lives, it may;
// then table raw goes again, if it was not there before and holds no rule of anybody's.
class RawTableVisit {
 public:
  explicit RawTableVisit(IpFamily family);
  ~RawTableVisit();
  RawTableVisit(const RawTableVisit&) = delete;
  RawTableVisit& operator=(const RawTableVisit&) = delete;

 private:
  IpFamily family_;
  bool was_there_;
};

class OwnedTable {
 public:
  explicit OwnedTable(IpFamily family) : family_(family) {}
  // Whether the kernel has such tables; leaves none behind, and one that is there alone.
  static bool supported();

  // The rules of a chain of table raw.
  Result<std::vector<CompiledRule>, Error> read_chain(const std::string& chain);
  // The table as a whole, in one transaction; adopts what a predecessor left.
  Status replace(const std::vector<OwnedChain>& chains);
  Status remove();  // fine where there is none

 private:
  bool open();  // once: the socket is what owns the table

  IpFamily family_;
  TableSocket socket_;
};

}  // namespace lvsd
