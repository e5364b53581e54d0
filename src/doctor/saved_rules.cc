// SPDX-License-Identifier: GPL-2.0-or-later
// The text of iptables-save.
#include <algorithm>
#include <array>
#include <charconv>
#include <list>
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
    if (key.listen.port == Port()) return Takes::some;  // the service is asked at all of them
    return certain(takes_port(value, key.listen.port.host()));
  }
  if (option == "--ctstate" || option == "--state") {
    return takes_state(certain(has_part(value, "NEW")), certain(has_part(value, "UNTRACKED")));
  }
  if (option == "-i" && value == "lo") return Takes::no;
  if (option == "--match-set" || option == "--dst-type" || option == "--ports") return Takes::maybe;
  return option == "-m" || option == "--reject-with" ? Takes::yes : Takes::some;
}

Act act_of(const std::string& target) {
  constexpr std::array<std::string_view, 10> kHarmless{
      "", "LOG", "NFLOG", "MARK", "CONNMARK", "CT", "NOTRACK", "TCPMSS", "SET", "TRACE"};
  if (target == "DROP" || target == "REJECT") return Act::drops;
  if (target == "ACCEPT" || target == "NFQUEUE") return Act::leaves;
  if (target == "RETURN") return Act::returns;
  const bool harmless = std::find(kHarmless.begin(), kHarmless.end(), target) != kHarmless.end();
  return harmless ? Act::none : Act::jumps;
}

Meaning meaning_of(const Words& rule, const ServiceKey& key) {
  Meaning meaning{Takes::yes, Act::none};
  for (std::size_t i = 2; i < rule.size(); ++i) {
    const std::string& option = rule[i];
    if (option.rfind('-', 0) != 0) continue;  // a value, or "!"
    const std::string value = i + 1 < rule.size() ? rule[i + 1] : "";
    if (option == "-j" || option == "-g") {
      meaning.act = option == "-g" ? Act::goes : act_of(value);
      meaning.target = value;
      break;  // what follows is the target's
    }
    const Takes equal = takes(option, value, key);
    meaning.takes = std::min(meaning.takes, rule[i - 1] == "!" ? opposite(equal) : equal);
  }
  return meaning;
}

// Whether a rule gives packets to one of these queues.
bool queues(const Words& rule, const std::set<unsigned>& ours) {
  if (std::find(rule.begin(), rule.end(), "NFQUEUE") == rule.end()) return false;
  unsigned first = 0, last = 0;  // the target's default
  for (std::size_t i = 0; i + 1 < rule.size(); ++i) {
    if (rule[i] != "--queue-num" && rule[i] != "--queue-balance") continue;
    const std::string& text = rule[i + 1];
    const std::size_t colon = text.find(':');
    std::from_chars(text.data(), text.data() + text.size(), first);
    last = first;
    if (colon != std::string::npos) {
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), last);
    }
  }
  const auto found = ours.lower_bound(first);
  return found != ours.end() && *found <= last;
}

struct Place {
  std::string table, chain;
  friend auto operator<=>(const Place&, const Place&) = default;
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
using Lines = std::vector<const Line*>;

struct Saved {
  std::list<Line> all;
  std::map<Place, Lines> chains;
  std::map<Place, bool> base;  // the kernel's own chains: whether the policy is to drop
};

Saved read(std::string_view saved) {
  Saved out;
  std::istringstream lines{std::string(saved)};
  std::string line, table;
  while (std::getline(lines, line)) {
    if (line.rfind('*', 0) == 0) table = line.substr(1);
    Line rule;
    std::istringstream words(line);
    for (std::string word; words >> word;) rule.words.push_back(word);
    if (line.rfind(':', 0) == 0 && rule.words.size() > 1) {
      const Place at{table, rule.words[0].substr(1)};
      out.chains[at];
      if (rule.words[1] != "-") out.base[at] = rule.words[1] == "DROP";
    }
    if (line.rfind("-A ", 0) != 0 || rule.words.size() < 2) continue;
    rule.at = {table, rule.words[1]};
    out.all.push_back(std::move(rule));
    out.chains[out.all.back().at].push_back(&out.all.back());
  }
  return out;
}

// What the chain does with the requests before lvsd has them.
void view_chain(const Saved& saved, const Place& at, const Lines& lines, bool drops_at_end, bool v4,
                const Sought& sought, const std::string& tool, RulesetView& view) {
  for (const VirtualService& service : sought.config.services) {
    if (service.key.is_by_mark() || service.key.listen.address.is_v4() != v4) continue;
    const auto outcome = walk(
        lines, [&service](const Line& line) { return meaning_of(line.words, service.key); },
        [&](const std::string& name) -> const Lines* {
          const auto target = saved.chains.find({at.table, name});
          return target == saved.chains.end() ? nullptr : &target->second;
        });
    using End = Outcome<Line>::End;
    const bool by_policy = outcome.end == End::goes_on && drops_at_end;
    const bool drops = outcome.end == End::drops || by_policy;
    if (outcome.open || (!drops && outcome.drops == nullptr)) continue;
    std::string text = tool + ", table " + at.table + ":";
    if (by_policy || outcome.drops == nullptr) {
      text += " -P " + at.chain + " DROP";
    } else {
      for (const std::string& word : outcome.drops->words) text += " " + word;
    }
    add_shadow(view, text, service, drops && !outcome.unsure);
  }
}

void view_capture(const Saved& saved, bool v4, const Sought& sought, RulesetView& view) {
  for (const Line& line : saved.all) {
    const bool nfqueue =
        std::find(line.words.begin(), line.words.end(), "NFQUEUE") != line.words.end();
    if (line.at.chain.rfind("LVSD", 0) == 0 && nfqueue) {
      capture_all(view, sought.config, v4);
    } else if (queues(line.words, sought.queues)) {
      for (const VirtualService& service : sought.config.services) {
        if (service.key.listen.address.is_v4() != v4) continue;
        const bool takes =
            service.key.is_by_mark() || meaning_of(line.words, service.key).takes != Takes::no;
        if (takes) view.captured.insert(service.name);
      }
    }
  }
}

}  // namespace

RulesetView view_saved_rules(std::string_view text, bool v4, const Sought& sought,
                             std::string_view tool) {
  RulesetView view;
  const Saved saved = read(text);
  view_capture(saved, v4, sought, view);
  const bool late = sought.config.startup.stage == CaptureStage::late;
  const std::string name = v4 ? std::string(tool) : "ip6" + std::string(tool.substr(2));
  for (const auto& [at, all] : saved.chains) {
    if (!saved.base.contains(at) && at.chain != "PREROUTING" && at.chain != "INPUT") continue;
    Lines lines = all;
    const auto jump =
        std::find_if(lines.begin(), lines.end(), [](const Line* line) { return line->jumps(); });
    const bool jumps = jump != lines.end();
    if (!jumps && !(late && before_late(at))) continue;
    lines.erase(jump, lines.end());
    const auto policy = saved.base.find(at);
    const bool drops = !jumps && policy != saved.base.end() && policy->second;
    view_chain(saved, at, lines, drops, v4, sought, name, view);
  }
  return view;
}

}  // namespace lvsd::doctor
