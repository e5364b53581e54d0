// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/netfilter.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <thread>

#include "lvsd/io/capture_tool.h"
#include "lvsd/io/process.h"

namespace lvsd {
namespace {

const std::string kChain(kChainName);
const std::string kScratchChain = kChain + "-scratch";
const std::string kProbeSet = "lvsd-probe";
// Where a predecessor of any configuration may have left a chain.
constexpr std::array<std::string_view, 3> kTables{"raw", "security", "filter"};

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

Status restore(const std::string& text) {
  // Legacy iptables has one lock for all programs; whoever holds it gets five seconds.
  auto done = run_tool({"iptables-restore", "--noflush", "-w", "5"}, text);
  if (!done) return Unexpected{done.error()};
  return Done{};
}

Status ipset_restore(const std::string& text) {
  if (text.empty()) return Done{};
  auto done = run_tool({"ipset", "restore"}, text);
  if (!done) return Unexpected{done.error()};
  return Done{};
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool jumps_to_chain(const std::string& line) {
  const auto has = [&line](const std::string& word) {
    const std::size_t at = line.find(word);
    return at != std::string::npos &&
           (at + word.size() == line.size() || line[at + word.size()] == ' ');
  };
  return starts_with(line, "-A ") && (has(" -j " + kChain) || has(" -g " + kChain));
}

// Our part of one table, as iptables-save has it now.
struct Listing {
  bool chain = false;
  std::size_t rules = 0;
  std::vector<std::string> jumps;  // whole lines, "-A PREROUTING -j LVSD"
  std::string text;
};

// A table that cannot be listed is one that this kernel does not have: nothing of ours is there.
Listing list_table(std::string_view table) {
  Listing listing;
  const auto saved = run_process({"iptables-save", "-t", std::string(table)});
  if (!saved || saved->status != 0) return listing;
  for (const std::string& line : split_lines(saved->output)) {
    const bool declared = starts_with(line, ":" + kChain + " ");
    const bool rule = starts_with(line, "-A " + kChain + " ");
    const bool jump = !rule && jumps_to_chain(line);
    if (!declared && !rule && !jump) continue;
    listing.chain = listing.chain || declared;
    if (rule) ++listing.rules;
    if (jump) listing.jumps.push_back(line);
    listing.text += declared ? ":" + kChain : line;  // the chain's counters are not its identity
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
  std::string text = "*" + chain.table + "\n:" + kChain + " - [0:0]\n";
  for (const std::string& rule : chain.rules) text += "-A " + kChain + ' ' + rule + '\n';
  if (listing.jumps != std::vector<std::string>{"-A " + chain.jump()}) {
    text += delete_jumps(listing);
    text += (chain.table == "raw" ? "-I " : "-A ") + chain.jump() + '\n';
  }
  return text + "COMMIT\n";
}

std::string remove_text(std::string_view table, const Listing& listing) {
  if (!listing.chain) return {};
  return "*" + std::string(table) + '\n' + delete_jumps(listing) + "-F " + kChain + "\n-X " +
         kChain + "\nCOMMIT\n";
}

std::vector<std::string> ipset_names() {
  auto names = run_tool({"ipset", "list", "-n"});
  return names ? split_lines(*names) : std::vector<std::string>{};
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string ipset_edit(const std::string& name, const SetDifference& changes) {
  std::string text;
  for (const std::string& member : changes.added)
    text += "add -exist " + name + ' ' + member + '\n';
  for (const std::string& member : changes.removed) {
    text += "del -exist " + name + ' ' + member + '\n';
  }
  return text;
}

std::string ipset_replace(const TextSet& set, const std::vector<std::string>& present) {
  const std::string spare = set.name + std::string(kSpareSuffix);
  std::string text = contains(present, spare) ? "destroy " + spare + '\n' : std::string();
  text += ipset_create(set, spare);
  return text + (contains(present, set.name)
                     ? "swap " + spare + ' ' + set.name + "\ndestroy " + spare + '\n'
                     : "rename " + spare + ' ' + set.name + '\n');
}

// Name and number of members of each set that `ipset list -terse` shows. In its interactive mode,
// ipset prints its prompt before each answer.
std::map<std::string, std::size_t> member_counts(const std::string& listing) {
  constexpr std::string_view kName = "Name: ";
  constexpr std::string_view kNumber = "Number of entries: ";
  constexpr std::string_view kPrompt = "ipset> ";
  std::map<std::string, std::size_t> counts;
  std::string name;
  for (std::string& line : split_lines(listing)) {
    while (starts_with(line, kPrompt)) line.erase(0, kPrompt.size());
    if (starts_with(line, kName)) name = line.substr(kName.size());
    if (!starts_with(line, kNumber)) continue;
    std::size_t number = 0;
    std::from_chars(line.data() + kNumber.size(), line.data() + line.size(), number);
    counts[name] = number;
  }
  return counts;
}

// A chain of table raw that nothing jumps to, to see what the kernel makes of `rules`.
Status write_scratch(const std::vector<std::string>& rules) {
  std::string text = "*raw\n:" + kScratchChain + " - [0:0]\n";
  for (const std::string& rule : rules) text += "-A " + kScratchChain + ' ' + rule + '\n';
  return restore(text + "COMMIT\n");
}

Status remove_scratch() {
  return restore("*raw\n-F " + kScratchChain + "\n-X " + kScratchChain + "\nCOMMIT\n");
}

Status try_rule(const std::string& rule) {
  Status tried = write_scratch({rule});
  return tried ? remove_scratch() : std::move(tried);
}

std::uint32_t protocol_of(const std::string& rule) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 3> kKnown{
      {{"-p icmp ", 1}, {"-p tcp ", 6}, {"-p udp ", 17}}};
  for (const auto& [words, number] : kKnown) {
    if (rule.find(words) != std::string::npos) return number;
  }
  return 0;
}

// Freed by the kernel a moment after the rules that refer to them, hence the patience.
Status destroy_sets(const std::vector<std::string>& names) {
  using namespace std::chrono_literals;
  std::string text;
  for (const std::string& name : names) text += "destroy " + name + '\n';
  Status done = ipset_restore(text);
  for (int attempt = 0; attempt < 50 && !done; ++attempt) {
    std::this_thread::sleep_for(20ms);
    const std::vector<std::string> present = ipset_names();
    text.clear();
    for (const std::string& name : names) {
      if (contains(present, name)) text += "destroy " + name + '\n';
    }
    done = ipset_restore(text);
  }
  return done;
}

bool try_sets() {
  if (find_program("ipset").empty()) return false;
  const TextSet probe{kProbeSet, true, {"192.0.2.1,tcp:1"}};
  if (contains(ipset_names(), kProbeSet) && !destroy_sets({kProbeSet})) return false;
  if (!ipset_restore(ipset_create(probe, kProbeSet))) return false;
  const Status matched = try_rule("-m set --match-set " + kProbeSet + " dst,dst -j RETURN");
  return destroy_sets({kProbeSet}) && matched;
}

}  // namespace

Result<std::unique_ptr<CaptureTool>, Error> IptablesTool::probe() {
  auto version = run_tool({"iptables", "-V"});
  if (!version) return Unexpected{version.error()};
  const RawTableVisit visit;
  if (Status queue = try_rule("-p udp -j NFQUEUE --queue-num 0"); !queue) {
    return Unexpected{queue.error()};
  }
  IptablesFeatures features;
  features.sets = try_sets();
  features.addrtype = try_rule("-m addrtype --dst-type LOCAL -j RETURN").has_value();
  features.pkttype = try_rule("-m pkttype ! --pkt-type unicast -j RETURN").has_value();
  const auto security = run_process({"iptables-save", "-t", "security"});
  features.security_table = security && security->status == 0;
  const bool legacy = version->find("nf_tables") == std::string::npos;
  // Without sets there may be more rules than one netlink message holds.
  features.owned_table = !legacy && features.sets && OwnedTable::supported();
  return std::unique_ptr<CaptureTool>(std::make_unique<IptablesTool>(features, legacy));
}

IptablesTool::IptablesTool(const IptablesFeatures& features, bool legacy)
    : features_(features), legacy_(legacy) {}

std::string IptablesTool::print(const CapturePlan& plan) const {
  return iptables_text(plan, features_);
}

// A few members come and go by themselves; for more, the set is filled under another name and
// swapped in. Either way a member that stays is there throughout.
Status IptablesTool::load_sets(const std::vector<TextSet>& wanted, bool anew) {
  if (!features_.sets || (!anew && wanted == sets_)) return Done{};
  const std::vector<std::string> present = ipset_names();
  std::string text;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool known = !anew && i < sets_.size() && contains(present, wanted[i].name);
    const SetDifference changes = known ? difference(sets_[i], wanted[i]) : SetDifference{};
    const bool few =
        (changes.added.size() + changes.removed.size()) * 4 <= wanted[i].members.size();
    text += known && few ? ipset_edit(wanted[i].name, changes) : ipset_replace(wanted[i], present);
  }
  sets_.clear();  // unknown, should it fail midway
  if (Status loaded = ipset_restore(text); !loaded) return loaded;
  sets_ = wanted;
  return Done{};
}

Result<std::vector<CompiledRule>, Error> IptablesTool::compile(const IptablesChain& chain) {
  if (Status written = write_scratch(chain.rules); !written) return Unexpected{written.error()};
  auto compiled = table_.read_chain(kScratchChain);
  if (Status removed = remove_scratch(); !removed) return Unexpected{removed.error()};
  if (!compiled) return compiled;
  if (compiled->size() != chain.rules.size()) {
    return fail("iptables: the rules changed while they were being read");
  }
  for (std::size_t i = 0; i < compiled->size(); ++i) {
    (*compiled)[i].protocol = protocol_of(chain.rules[i]);
  }
  return compiled;
}

Status IptablesTool::load_owned(const std::vector<IptablesChain>& chains) {
  const RawTableVisit visit;
  std::vector<OwnedChain> owned;
  for (const IptablesChain& chain : chains) {
    auto compiled = compile(chain);
    if (!compiled) return Unexpected{compiled.error()};
    // Priorities: raw's; and after every ordinary filter chain (0), before source NAT (100).
    const bool input = chain.hook == "INPUT";
    owned.push_back({input ? "input" : "prerouting", input ? NF_INET_LOCAL_IN : NF_INET_PRE_ROUTING,
                     input ? 99 : -300, std::move(*compiled)});
  }
  return table_.replace(owned);
}

Status IptablesTool::load_chains(const std::vector<IptablesChain>& chains, bool clean_others) {
  chains_.reset();
  std::string text;
  if (features_.owned_table) {
    if (Status loaded = load_owned(chains); !loaded) return loaded;
    if (clean_others) {
      for (const std::string_view table : kTables) text += remove_text(table, list_table(table));
    }
    if (Status removed = text.empty() ? Status(Done{}) : restore(text); !removed) return removed;
    chains_ = chains;
    return Done{};
  }
  for (const IptablesChain& chain : chains) text += replace_text(chain, list_table(chain.table));
  for (const std::string_view table : kTables) {
    const auto is_ours = [table](const IptablesChain& chain) { return chain.table == table; };
    if (!clean_others || std::any_of(chains.begin(), chains.end(), is_ours)) continue;
    text += remove_text(table, list_table(table));
  }
  if (Status loaded = restore(text); !loaded) return loaded;
  if (Status removed = clean_others ? table_.remove() : Done{}; !removed) return removed;
  return note_listings(chains);
}

// What the kernel now says of each chain is what later checks compare with, because versions of
// iptables word the same rule differently. It has to be whole, or somebody has been at it already.
Status IptablesTool::note_listings(const std::vector<IptablesChain>& chains) {
  listings_.clear();
  for (const IptablesChain& chain : chains) {
    Listing listing = list_table(chain.table);
    if (listing.rules != chain.rules.size() || listing.jumps.size() != 1) {
      return fail("iptables: the rules in table " + chain.table +
                  " changed while they were being installed");
    }
    listings_.push_back(std::move(listing.text));
  }
  chains_ = chains;
  return Done{};
}

Status IptablesTool::apply(const CapturePlan& plan, bool anew) {
  // Members first: a chain must not refer to a set that is not there.
  if (Status loaded = load_sets(ipset_sets(plan), anew); !loaded) return loaded;
  std::vector<IptablesChain> chains = iptables_chains(plan, features_);
  if (!anew && chains_ && *chains_ == chains) return Done{};
  return load_chains(chains, true);
}

bool IptablesTool::chains_intact() const {
  if (!chains_) return false;
  if (features_.owned_table) return true;
  for (std::size_t i = 0; i < chains_->size(); ++i) {
    if (list_table((*chains_)[i].table).text != listings_[i]) return false;
  }
  return true;
}

Result<bool, Error> IptablesTool::sets_intact() const {
  if (!features_.sets) return true;
  // Our own ones by name and in one process: the namespace may have thousands of others, and this
  // is asked twice a second. One that is not there is passed over with a complaint.
  std::string questions;
  for (const TextSet& set : sets_) questions += "list " + set.name + " -terse\n";
  auto listing = run_tool({"ipset", "-"}, questions);
  if (!listing) return Unexpected{listing.error()};
  const auto counts = member_counts(*listing);
  return !sets_.empty() && std::all_of(sets_.begin(), sets_.end(), [&counts](const TextSet& set) {
    const auto found = counts.find(set.name);
    return found != counts.end() && found->second == set.members.size();
  });
}

Result<bool, Error> IptablesTool::repair(const CapturePlan& plan, bool changed) {
  auto sets = sets_intact();
  if (!sets) return sets;
  const bool chains = (!changed && chains_) || chains_intact();
  if (*sets && chains) return false;
  if (!*sets) {
    if (Status loaded = load_sets(ipset_sets(plan), true); !loaded) {
      return Unexpected{loaded.error()};
    }
  }
  if (!chains) {
    if (Status loaded = load_chains(iptables_chains(plan, features_), false); !loaded) {
      return Unexpected{loaded.error()};
    }
  }
  return true;
}

Status IptablesTool::remove() {
  chains_.reset();
  sets_.clear();
  if (Status removed = table_.remove(); !removed) return removed;
  std::string text;
  if (!find_program("iptables-save").empty()) {
    for (const std::string_view table : kTables) text += remove_text(table, list_table(table));
  }
  if (!text.empty()) {
    if (Status removed = restore(text); !removed) return removed;
  }
  if (find_program("ipset").empty()) return Done{};
  const std::vector<std::string> present = ipset_names();
  std::vector<std::string> ours;
  for (const TextSet& set : ipset_sets(CapturePlan{})) {
    for (const std::string& name : {set.name, set.name + std::string(kSpareSuffix)}) {
      if (contains(present, name)) ours.push_back(name);
    }
  }
  return destroy_sets(ours);
}

}  // namespace lvsd
