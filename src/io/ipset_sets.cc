// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <thread>

#include "lvsd/io/iptables_chains.h"
#include "lvsd/io/process.h"
#include "tool_output.h"

namespace lvsd {
namespace {

const std::string kProbeSet = std::string(kSetPrefix) + "probe";

Status ipset_restore(const std::string& text) {
  if (text.empty()) return Done{};
  auto done = run_tool({"ipset", "restore"}, text);
  if (!done) return Unexpected{done.error()};
  return Done{};
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

}  // namespace

bool IpsetSets::usable() {
  if (find_program("ipset").empty()) return false;
  const TextSet probe{kProbeSet, IpFamily::v4, SetKind::address_and_port, {"192.0.2.1,tcp:1"}};
  if (contains(ipset_names(), kProbeSet) && !destroy_sets({kProbeSet})) return false;
  if (!ipset_restore(ipset_create(probe, kProbeSet))) return false;
  const Status matched = IptablesChains::try_rule(
      IpFamily::v4, "-m set --match-set " + kProbeSet + " dst,dst -j RETURN");
  return destroy_sets({kProbeSet}) && matched;
}

// A few members come and go by themselves; for more, the set is filled under another name and
// swapped in, and so it is where there would be more than it has room for. Either way a member that
// stays is there throughout.
Status IpsetSets::load(std::vector<TextSet> wanted, bool anew) {
  if (!anew && wanted == sets_) return Done{};
  const std::vector<std::string> present = ipset_names();
  std::string text;
  for (const TextSet& set : wanted) {
    const auto before = std::find_if(sets_.begin(), sets_.end(), [&set](const TextSet& loaded) {
      return loaded.name == set.name;
    });
    const bool known = !anew && before != sets_.end() && contains(present, set.name);
    const SetDifference changes = known ? difference(*before, set) : SetDifference{};
    const bool few = (changes.added.size() + changes.removed.size()) * 4 <= set.members.size();
    // Both are there while one comes and the other goes.
    const bool fits = set.members.size() + changes.removed.size() <= rooms_[set.name];
    if (known && few && fits) {
      text += ipset_edit(set.name, changes);
    } else {
      text += ipset_replace(set, present);
      rooms_[set.name] = ipset_room(set.members.size());
    }
  }
  sets_.clear();  // unknown, should it fail midway
  if (Status loaded = ipset_restore(text); !loaded) return loaded;
  sets_ = std::move(wanted);
  return Done{};
}

Result<bool, Error> IpsetSets::intact() const {
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

Status IpsetSets::remove() {
  sets_.clear();
  if (find_program("ipset").empty()) return Done{};
  std::vector<std::string> ours;
  for (const std::string& name : ipset_names()) {
    if (starts_with(name, kSetPrefix)) ours.push_back(name);
  }
  return ours.empty() ? Status(Done{}) : destroy_sets(ours);
}

}  // namespace lvsd
