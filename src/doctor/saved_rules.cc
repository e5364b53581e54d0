// SPDX-License-Identifier: GPL-2.0-or-later
// The text of iptables-legacy-save.
#include <algorithm>
#include <charconv>
#include <sstream>

#include "ruleset.h"

namespace lvsd::doctor {
namespace {

using Words = std::vector<std::string>;

bool takes_address(const std::string& text, const IpAddress& address) {
  const auto prefix = Prefix::parse(text);
  return prefix && prefix->contains(address);
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

// Whether the rule surely drops the service's requests: a match that is not understood does not.
bool drops(const Words& rule, const VirtualService& service) {
  const ServiceKey& key = service.key;
  bool drop = false;
  for (std::size_t i = 2; i + 1 < rule.size(); i += 2) {
    const std::string& option = rule[i];
    const std::string& value = rule[i + 1];
    if (option == "-d") {
      if (!takes_address(value, key.listen.address)) return false;
    } else if (option == "-p") {
      if (value != to_string(key.protocol)) return false;
    } else if (option == "--dport" || option == "--dports") {
      if (!takes_port(value, key.listen.port.host())) return false;
    } else if (option == "-j") {
      drop = value == "DROP" || value == "REJECT";
    } else if (option != "-m" && option != "--reject-with") {
      return false;
    }
  }
  return drop;
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
  const bool late = config.startup.stage == CaptureStage::late;
  for (auto rule = rules.begin(); rule != rules.end(); ++rule) {
    const auto jump = std::find_if(rules.begin(), rules.end(), [&](const Line& other) {
      return other.at == rule->at && other.jumps();
    });
    const bool before = jump != rules.end() ? rule < jump : late && before_late(rule->at);
    if (!before) continue;
    for (const VirtualService& service : config.services) {
      if (service.key.is_by_mark() || service.key.listen.address.is_v4() != v4) continue;
      if (!drops(rule->words, service)) continue;
      std::string text =
          std::string(v4 ? "iptables" : "ip6tables") + "-legacy, table " + rule->at.table + ":";
      for (const std::string& word : rule->words) text += " " + word;
      view.shadows.push_back(text + ": drops packets to " + to_string(service.key));
      break;
    }
  }
  return view;
}

}  // namespace lvsd::doctor
