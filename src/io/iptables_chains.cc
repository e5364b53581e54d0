// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/iptables_chains.h"

#include <linux/netfilter.h>

#include <algorithm>
#include <array>

#include "lvsd/io/process.h"
#include "tool_output.h"

namespace lvsd {
namespace {

const std::string kScratchChain = std::string(kChainName) + "-scratch";
// Where a predecessor of any configuration may have left a chain.
constexpr std::array<std::string_view, 4> kTables{"raw", "mangle", "security", "filter"};
constexpr std::array<std::string_view, 2> kNames{kChainName, kOutputChainName};

std::string program(IpFamily family, const char* suffix) {
  return (family == IpFamily::v4 ? "iptables" : "ip6tables") + std::string(suffix);
}

Status restore(IpFamily family, const std::string& text) {
  if (text.empty()) return Done{};
  // Legacy iptables has one lock for all programs; whoever holds it gets five seconds.
  auto done = run_tool({program(family, "-restore"), "--noflush", "-w", "5"}, text);
  if (!done) return Unexpected{done.error()};
  return Done{};
}

bool jumps_to_chain(const std::string& line, const std::string& chain) {
  const auto has = [&line](const std::string& word) {
    const std::size_t at = line.find(word);
    return at != std::string::npos &&
           (at + word.size() == line.size() || line[at + word.size()] == ' ');
  };
  return starts_with(line, "-A ") && (has(" -j " + chain) || has(" -g " + chain));
}

// One of our chains in one table, as iptables-save has it now.
struct Listing {
  bool chain = false;
  std::size_t rules = 0;
  std::vector<std::string> jumps;  // whole lines, "-A PREROUTING -j LVSD"
  std::string text;
};

// A table that cannot be listed is one that this kernel does not have: nothing of ours is there.
Listing list_chain(IpFamily family, std::string_view table, const std::string& name) {
  Listing listing;
  const auto saved = run_process({program(family, "-save"), "-t", std::string(table)});
  if (!saved || saved->status != 0) return listing;
  for (const std::string& line : split_lines(saved->output)) {
    const bool declared = starts_with(line, ":" + name + " ");
    const bool rule = starts_with(line, "-A " + name + " ");
    const bool jump = !rule && jumps_to_chain(line, name);
    if (!declared && !rule && !jump) continue;
    listing.chain = listing.chain || declared;
    if (rule) ++listing.rules;
    if (jump) listing.jumps.push_back(line);
    listing.text += declared ? ":" + name : line;  // the chain's counters are not its identity
    listing.text += '\n';
  }
  return listing;
}

std::string delete_jumps(const Listing& listing) {
  std::string text;
  for (const std::string& jump : listing.jumps) text += "-D" + jump.substr(2) + '\n';
  return text;
}

// One transaction that leaves the table with exactly this chain and one jump to it. Naming the
// chain empties it. Where the jump is right it stays, so that its counters do.
std::string replace_text(const IptablesChain& chain, const Listing& listing) {
  const std::string name = chain.name();
  std::string text = "*" + chain.table + "\n:" + name + " - [0:0]\n";
  for (const std::string& rule : chain.rules) text += "-A " + name + ' ' + rule + '\n';
  if (listing.jumps != std::vector<std::string>{"-A " + chain.jump()}) {
    text += delete_jumps(listing);
    text += (chain.first() ? "-I " : "-A ") + chain.jump() + '\n';
  }
  return text + "COMMIT\n";
}

// Takes away our chains but those of `wanted`.
std::string remove_text(IpFamily family, const std::vector<IptablesChain>& wanted) {
  std::string text;
  for (const std::string_view table : kTables) {
    for (const std::string_view chain_name : kNames) {
      const std::string name(chain_name);
      const auto same = [&](const IptablesChain& chain) {
        return chain.table == table && chain.name() == name;
      };
      if (std::any_of(wanted.begin(), wanted.end(), same)) continue;
      const Listing listing = list_chain(family, table, name);
      if (!listing.chain) continue;
      text += "*" + std::string(table) + '\n' + delete_jumps(listing) + "-F " + name + "\n-X " +
              name + "\nCOMMIT\n";
    }
  }
  return text;
}

// A chain of table raw that nothing jumps to, to see what the kernel makes of `rules`.
Status write_scratch(IpFamily family, const std::vector<std::string>& rules) {
  std::string text = "*raw\n:" + kScratchChain + " - [0:0]\n";
  for (const std::string& rule : rules) text += "-A " + kScratchChain + ' ' + rule + '\n';
  return restore(family, text + "COMMIT\n");
}

Status remove_scratch(IpFamily family) {
  return restore(family, "*raw\n-F " + kScratchChain + "\n-X " + kScratchChain + "\nCOMMIT\n");
}

std::uint32_t protocol_of(const std::string& rule) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 7> kKnown{{{"-p icmp ", 1},
                                                                              {"-p tcp ", 6},
                                                                              {"-p udp ", 17},
                                                                              {"-p esp ", 50},
                                                                              {"-p ah ", 51},
                                                                              {"-p ipv6-icmp ", 58},
                                                                              {"-p sctp ", 132}}};
  for (const auto& [words, number] : kKnown) {
    if (rule.find(words) != std::string::npos) return number;
  }
  return 0;
}

// Priorities: at INPUT after every ordinary filter chain (0), before source NAT (100), where IPVS
// is; behind mangle (-150) and so behind conntrack (-200); else raw's.
OwnedChain place(const IptablesChain& chain) {
  if (chain.hook == "INPUT") return {"input", NF_INET_LOCAL_IN, 99, {}};
  const std::int32_t priority = chain.table == "mangle" ? -149 : -300;
  if (chain.hook == "OUTPUT") return {"output", NF_INET_LOCAL_OUT, priority, {}};
  return {"prerouting", NF_INET_PRE_ROUTING, priority, {}};
}

}  // namespace

Status IptablesChains::try_rule(IpFamily family, const std::string& rule) {
  Status tried = write_scratch(family, {rule});
  return tried ? remove_scratch(family) : std::move(tried);
}

bool IptablesChains::has_table(IpFamily family, const std::string& table) {
  const auto saved = run_process({program(family, "-save"), "-t", table});
  return saved && saved->status == 0;
}

Result<std::vector<CompiledRule>, Error> IptablesChains::compile(const IptablesChain& chain) {
  if (Status written = write_scratch(family_, chain.rules); !written) {
    return Unexpected{written.error()};
  }
  auto compiled = table_.read_chain(kScratchChain);
  if (Status removed = remove_scratch(family_); !removed) return Unexpected{removed.error()};
  if (!compiled) return compiled;
  if (compiled->size() != chain.rules.size()) {
    return fail(program(family_, "") + ": the rules changed while they were being read");
  }
  for (std::size_t i = 0; i < compiled->size(); ++i) {
    (*compiled)[i].protocol = protocol_of(chain.rules[i]);
  }
  return compiled;
}

Status IptablesChains::load_owned(const std::vector<IptablesChain>& chains, bool clean_others) {
  const RawTableVisit visit(family_);
  std::vector<OwnedChain> owned;
  for (const IptablesChain& chain : chains) {
    auto compiled = compile(chain);
    if (!compiled) return Unexpected{compiled.error()};
    owned.push_back(place(chain));
    owned.back().rules = std::move(*compiled);
  }
  if (Status loaded = table_.replace(owned); !loaded) return loaded;
  if (clean_others) {
    if (Status removed = restore(family_, remove_text(family_, {})); !removed) return removed;
  }
  chains_ = chains;
  return Done{};
}

Status IptablesChains::load_plain(const std::vector<IptablesChain>& chains, bool clean_others) {
  std::string text;
  for (const IptablesChain& chain : chains) {
    text += replace_text(chain, list_chain(family_, chain.table, chain.name()));
  }
  if (clean_others) text += remove_text(family_, chains);
  if (Status loaded = restore(family_, text); !loaded) return loaded;
  if (Status removed = clean_others ? table_.remove() : Done{}; !removed) return removed;
  return note_listings(chains);
}

Status IptablesChains::load(const std::vector<IptablesChain>& chains, bool clean_others) {
  if (chains.empty()) {
    if (chains_ && chains_->empty()) return Done{};
    Status removed = remove();
    if (removed) chains_.emplace();
    return removed;
  }
  chains_.reset();
  return owned_ ? load_owned(chains, clean_others) : load_plain(chains, clean_others);
}

// What the kernel now says of each chain is what later checks compare with, because versions of
// iptables word the same rule differently. It has to be whole, or somebody has been at it already.
Status IptablesChains::note_listings(const std::vector<IptablesChain>& chains) {
  listings_.clear();
  for (const IptablesChain& chain : chains) {
    Listing listing = list_chain(family_, chain.table, chain.name());
    if (listing.rules != chain.rules.size() || listing.jumps.size() != 1) {
      return fail(program(family_, "") + ": the rules in table " + chain.table +
                  " changed while they were being installed");
    }
    listings_.push_back(std::move(listing.text));
  }
  chains_ = chains;
  return Done{};
}

bool IptablesChains::intact() const {
  if (!chains_) return false;
  if (owned_) return true;
  for (std::size_t i = 0; i < chains_->size(); ++i) {
    const IptablesChain& chain = (*chains_)[i];
    if (list_chain(family_, chain.table, chain.name()).text != listings_[i]) return false;
  }
  return true;
}

Status IptablesChains::remove() {
  chains_.reset();
  if (Status removed = table_.remove(); !removed) return removed;
  if (find_program(program(family_, "-save")).empty()) return Done{};
  return restore(family_, remove_text(family_, {}));
}

}  // namespace lvsd
