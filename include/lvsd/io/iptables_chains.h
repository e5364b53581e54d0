// SPDX-License-Identifier: GPL-2.0-or-later
// What IptablesTool keeps in the kernel: our chains of one version of IP, and the sets of both.
// All calls run iptables' or ipset's tools and block for milliseconds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/io/capture_text.h"
#include "lvsd/io/owned_table.h"
#include "lvsd/net/result.h"

namespace lvsd {

class IptablesChains {
 public:
  IptablesChains(IpFamily family, bool owned) : family_(family), owned_(owned), table_(family) {}

  // Whether the kernel takes this rule, in a chain that is removed again.
  static Status try_rule(IpFamily family, const std::string& rule);
  static bool has_table(IpFamily family, const std::string& table);

  const std::optional<std::vector<IptablesChain>>& loaded() const { return chains_; }
  // Makes the kernel have these chains. With `clean_others`, and no others of ours. Where nothing
  // is wanted and there are no tools, there is nothing to do.
  Status load(const std::vector<IptablesChain>& chains, bool clean_others);
  bool intact() const;
  Status remove();

 private:
  Status load_owned(const std::vector<IptablesChain>& chains, bool clean_others);
  Status load_plain(const std::vector<IptablesChain>& chains, bool clean_others);
  Result<std::vector<CompiledRule>, Error> compile(const IptablesChain& chain);
  Status note_listings(const std::vector<IptablesChain>& chains);

  IpFamily family_;
  bool owned_;                                        // the chains lie in table_
  std::optional<std::vector<IptablesChain>> chains_;  // as last loaded
  std::vector<std::string> listings_;                 // of each chain, as iptables-save then had it
  OwnedTable table_;
};

// Sets that are no longer wanted stay until remove(): a rule may still refer to them.
class IpsetSets {
 public:
  static bool usable();
  Status load(std::vector<TextSet> wanted, bool anew);
  Result<bool, Error> intact() const;
  Status remove();

 private:
  std::vector<TextSet> sets_;                 // as last loaded
  std::map<std::string, std::size_t> rooms_;  // how many members each of them can get
};

}  // namespace lvsd
