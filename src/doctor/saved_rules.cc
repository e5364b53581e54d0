// SPDX-License-Identifier: GPL-2.0-or-later
// The text of iptables-legacy-save.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

#include "chain_walk.h"
#include "ruleset.h"

namespace lvsd::doctor {
namespace {

using Words = std::vector<std::string>;

Takes takes_address(const std::string& text, const IpAddress& address) {
  const auto prefix = Prefix::parse(text);
  return prefix ? certain(prefix->contains(address)) : Takes::maybe;
}

bool has_part(const std::string& list, std::string_view wanted) {
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part == wanted) return true;
  }
  return false;
}

// "80", "80:90", "22,80:90".
bool takes_port(const std::string& text, unsigned port) {
  std::istringstream parts(text);
  std::string part;
  while (std::getline(parts, part, ',')) {
    const std::size_t colon = part.find(':');
    const auto number = [](std::string_view digits) {
      unsigned value = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return value;
    };
    const unsigned first = number(std::string_view(part).substr(0, colon));
    const unsigned last =
        colon == std::string::npos ? first : number(std::string_view(part).substr(colon + 1));
    if (first <= port && port <= last) return true;
  }
  return false;
}

// Of a request that opens a connection, and came from the network.
Takes takes(const std::string& option, const std::string& value, const ServiceKey& key) {
  if (option == "-d") return takes_address(value, key.listen.address);
  if (option == "-p") return certain(value == to_string(key.protocol));
  if (option == "--dport" || option == "--dports") {
    return certain(takes_port(value, key.listen.port.host()));
  }
  if (option == "--ctstate" || option == "--state") {
    return takes_state(certain(has_part(value, "NEW")), certain(has_part(value, "UNTRACKED")));
  }
  if (option == "-i" && value == "lo") return Takes::no;
  return option == "-m" || option == "--reject-with" ? Takes::yes : Takes::maybe;
}

Fate fate_in(const Words& rule, const VirtualService& service) {
  constexpr std::array<std::string_view, 10> kHarmless{
      "", "LOG", "NFLOG", "MARK", "CONNMARK", "CT", "NOTRACK", "TCPMSS", "SET", "TRACE"};
  Takes all = Takes::yes;
  std::string target;
  for (std::size_t i = 2; i < rule.size(); ++i) {
    const std::string& option = rule[i];
    if (option.rfind('-', 0) != 0) continue;  // a value, or "!"
    const std::string value = i + 1 < rule.size() ? rule[i + 1] : "";
    if (option == "-j" || option == "-g") {
      target = value;
      if (target == "DROP" || target == "REJECT") continue;
      break;  // what follows is the target's
    }
    const Takes equal = takes(option, value, service.key);
    all = std::min(all, rule[i - 1] == "!" ? opposite(equal) : equal);
  }
  if (all == Takes::no) return Fate::goes_on;
  if (target == "DROP" || target == "REJECT") {
    return all == Takes::yes ? Fate::dropped : Fate::goes_on;
  }
  const bool harmless = std::find(kHarmless.begin(), kHarmless.end(), target) != kHarmless.end();
  return harmless ? Fate::goes_on : Fate::may_leave;
}

struct Place {
  std::string table, chain;
  friend bool operator==(const Place&, const Place&) = default;
};

// Whether a chain of the kernel's own is asked before lvsd's late rules, at whichever priority.
bool before_late(const Place& at) {
  return at.chain == "PREROUTING" ||
         (at.chain == "INPUT" && (at.table == "mangle" || at.table == "filter"));
}

struct Line {
  Place at;
  Words words;
  bool jumps() const {  // to rules of lvsd's
    return words.size() == 4 && words[2] == "-j" && words[3].rfind("LVSD", 0) == 0;
  }
};

std::vector<Line> rules_of(std::string_view saved) {
  std::vector<Line> out;
  std::istringstream lines{std::string(saved)};
  std::string line, table;
  while (std::getline(lines, line)) {
    if (line.rfind('*', 0) == 0) table = line.substr(1);
    if (line.rfind("-A ", 0) != 0) continue;
    Line rule;
    std::istringstream words(line);
    for (std::string word; words >> word;) rule.words.push_back(word);
    if (rule.words.size() < 2) continue;
    rule.at = {table, rule.words[1]};
    out.push_back(std::move(rule));
  }
  return out;
}

}  // namespace

RulesetView view_saved_rules(std::string_view saved, bool v4, const Config& config) {
  RulesetView view;
  const bool captures = saved.find("NFQUEUE") != std::string_view::npos;
  (v4 ? view.captures_v4 : view.captures_v6) = captures;
  const std::vector<Line> rules = rules_of(saved);
  std::map<std::pair<std::string, std::string>, ChainWalk> walks;
  const bool late = config.startup.stage == CaptureStage::late;
  for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
    const auto jump = std::find_if(rules.begin(), rules.end(), [&](const Line& other) {
      return other.at == rule->at && other.jumps();
    });
    const bool before = jump != rules.end() ? rule < jump : late && before_late(rule->at);
    if (!before) continue;
    const VirtualService* dropped = walks[{rule->at.table, rule->at.chain}].meet(
        config,
        [v4](const VirtualService& service) { return service.key.listen.address.is_v4() == v4; },
        [&](const VirtualService& service) { return fate_in(rule->words, service); });
    if (dropped == nullptr) continue;
    std::string text =
        std::string(v4 ? "iptables" : "ip6tables") + "-legacy, table " + rule->at.table + ":";
    for (const std::string& word : rule->words) text += " " + word;
    view.shadows.push_back(text + ": drops packets to " + to_string(dropped->key));
  }
  return view;
}

}  // namespace lvsd::doctor
