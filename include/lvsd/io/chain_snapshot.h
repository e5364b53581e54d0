// SPDX-License-Identifier: GPL-2.0-or-later
// Puts one chain of iptables-nft back within a fraction of a millisecond of `nft flush ruleset`.
//
// Until the rules are back, segments of established connections reach the local stack, which
// answers them with resets; starting iptables-restore takes it several milliseconds, in which every
// busy connection would be lost. So the rules are read from the kernel once, after iptables wrote
// them, and are sent back as they were read, without a need to understand them.
//
// This is for a table that is gone as a whole. The transaction refuses to touch one that is there;
// all other damage is left to iptables-restore, and what was put back is checked by iptables-save.
#pragma once

#include <cstdint>
#include <string>
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
  struct Rule {
    std::vector<char> expressions;  // the attribute's payload as the kernel dumped it
    std::uint32_t protocol = 0;     // what `-p` of the rule says: extensions insist on it
  };

  bool read(const IptablesChain& chain);

  std::string table_, hook_;
  std::vector<char> hook_description_;  // payload of NFTA_CHAIN_HOOK: hook number and priority
  std::vector<Rule> rules_;
  bool complete_ = false;
};

}  // namespace lvsd
