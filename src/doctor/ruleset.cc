// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset.h"

#include <algorithm>
#include <list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "nft_match.h"

namespace lvsd::doctor {
namespace {

using nlohmann::json;

// Where lvsd's chains are (lvsd(8), "Capture").
constexpr int kRaw = -300, kSecurity = 99;

struct Chain {
  std::string family, table, name, hook;
  int priority = 0;
  int table_handle = 0;
  bool drops = false;  // its policy
};
using Chains = std::map<std::string, Chain>;

std::string key_of(const json& object, const char* chain) {
  return object.value("family", "") + " " + object.value("table", "") + " " +
         object.value(chain, "");
}

bool is_lvsds(const std::string& table) { return table == "lvsd"; }
bool is_lvsds_chain(const std::string& name) { return name.rfind("LVSD", 0) == 0; }

// Whether a rule gives packets to one of these queues: a number, a range, or what chooses among
// several. Empty: that is not told.
std::optional<bool> queues(const json& rule, const std::set<unsigned>& ours) {
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("xt")) {  // perhaps iptables' target, of which nft does not know more
      const bool told = part.at("xt").is_object() && part.at("xt").contains("name");
      if (!told || part.at("xt").value("name", "") == "NFQUEUE") return std::nullopt;
    }
    if (!part.contains("queue")) continue;
    const json& queue = part.at("queue");
    const json number = queue.is_object() ? queue.value("num", json(0U)) : json(0U);
    if (number.is_number_unsigned()) return ours.contains(number.get<unsigned>());
    const bool range = number.is_object() && number.contains("range");
    if (!range || number.at("range").size() != 2) return std::nullopt;
    const auto first = ours.lower_bound(number.at("range")[0].get<unsigned>());
    return first != ours.end() && *first <= number.at("range")[1].get<unsigned>();
  }
  return false;
}

bool serves(const Chain& chain, const VirtualService& service) {
  const bool v4 = service.key.listen.address.is_v4();
  return chain.family == "inet" || chain.family == "netdev" || chain.family == (v4 ? "ip" : "ip6");
}

bool jumps_to_lvsd(const json& rule) {
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("jump") && is_lvsds_chain(part.at("jump").value("target", ""))) return true;
  }
  return false;
}

// Where lvsd's rules are, of those that the chain's packets meet: in a table of its own (nft), or
// behind a jump in the chain itself (iptables).
struct Own {
  std::map<std::string, int> tables;            // by family: the handle of the table
  std::map<std::string, std::size_t> position;  // by key of a chain: of the rule that jumps

  std::optional<int> table(const std::string& family) const {
    const auto found = tables.find(family);
    const auto both = found == tables.end() ? tables.find("inet") : found;
    return both == tables.end() ? std::nullopt : std::optional(both->second);
  }
};

// Whether a chain without lvsd's jump sees a request before lvsd's rules do. Of two tables with one
// priority the kernel asks the younger one first (tried), and handles grow.
bool comes_before(const Chain& chain, const Own& own, CaptureStage stage) {
  if (chain.hook == "ingress") return true;
  if (stage == CaptureStage::late) {
    return chain.hook == "prerouting" || (chain.hook == "input" && chain.priority < kSecurity);
  }
  if (chain.hook != "prerouting") return false;
  if (chain.priority != kRaw) return chain.priority < kRaw;
  return chain.table_handle > own.table(chain.family).value_or(0);
}

std::string chain_text(const Chain& chain) {
  return "table " + chain.family + " " + chain.table + ", chain " + chain.name +
         (chain.hook.empty()
              ? ""
              : " (" + chain.hook + ", priority " + std::to_string(chain.priority) + ")");
}

struct Rule {
  json text;
  const Chain* at = nullptr;
};
using Rules = std::vector<const Rule*>;

struct Read {
  std::map<std::string, int> tables;  // "family name": handle
  Chains chains;
  std::map<std::string, NftSets> sets;  // by table; of maps, too
  std::list<Rule> all;
  std::map<std::string, Rules> rules;  // by key of their chain
};

void read_chain(const json& chain, Read& out) {
  Chain one{chain.value("family", ""),
            chain.value("table", ""),
            chain.value("name", ""),
            chain.value("hook", ""),
            chain.value("prio", 0),
            0,
            chain.value("policy", "") == "drop"};
  one.table_handle = out.tables[one.family + " " + one.table];
  out.chains.emplace(key_of(chain, "name"), std::move(one));
}

Read read(const json& ruleset) {
  Read out;
  for (const json& entry : ruleset.at("nftables")) {
    if (entry.contains("table")) {
      const json& table = entry.at("table");
      out.tables[table.value("family", "") + " " + table.value("name", "")] =
          table.value("handle", 0);
    } else if (entry.contains("chain")) {
      read_chain(entry.at("chain"), out);
    } else if (entry.contains("set") || entry.contains("map")) {
      const json& set = entry.contains("set") ? entry.at("set") : entry.at("map");
      out.sets[set.value("family", "") + " " + set.value("table", "")][set.value("name", "")] =
          set.value("elem", json::array());
    } else if (entry.contains("rule")) {
      out.all.push_back({entry.at("rule"), nullptr});
    }
  }
  for (Rule& rule : out.all) {
    const std::string key = key_of(rule.text, "chain");
    const auto chain = out.chains.find(key);
    if (chain == out.chains.end()) continue;
    rule.at = &chain->second;
    out.rules[key].push_back(&rule);
  }
  return out;
}

Own find_own(const Read& ruleset) {
  Own own;
  for (const auto& [key, rules] : ruleset.rules) {
    for (std::size_t place = 0; place < rules.size(); ++place) {
      const Chain& at = *rules[place]->at;
      const bool jumps = jumps_to_lvsd(rules[place]->text);
      if (jumps) own.position.emplace(key, place);
      if (jumps || is_lvsds(at.table)) own.tables.emplace(at.family, at.table_handle);
    }
  }
  return own;
}

void view_capture(const Read& ruleset, const Sought& sought, RulesetView& view) {
  static const NftSets kNone;
  for (const Rule& rule : ruleset.all) {
    if (rule.at == nullptr) continue;
    const Chain& at = *rule.at;
    if (is_lvsds(at.table) || is_lvsds_chain(at.name)) {
      if (at.family != "ip6") capture_all(view, sought.config, true);
      if (at.family != "ip") capture_all(view, sought.config, false);
      continue;
    }
    const auto ours = queues(rule.text, sought.queues);
    if (!ours) view.unnumbered = true;
    if (!ours || !*ours) continue;
    const auto sets = ruleset.sets.find(at.family + " " + at.table);
    for (const VirtualService& service : sought.config.services) {
      if (!serves(at, service)) continue;
      const bool takes =
          service.key.is_by_mark() ||
          meaning_of(rule.text, service.key, sets == ruleset.sets.end() ? kNone : sets->second)
                  .takes != Takes::no;
      if (takes) view.captured.insert(service.name);
    }
  }
}

// What the chain does with the requests before lvsd has them.
void view_chain(const Read& ruleset, const std::string& key, const Rules& rules, bool to_its_end,
                const Sought& sought, RulesetView& view) {
  const Chain& chain = ruleset.chains.at(key);
  const std::string table = chain.family + " " + chain.table;
  const auto found = ruleset.sets.find(table);
  const NftSets sets = found == ruleset.sets.end() ? NftSets() : found->second;
  for (const VirtualService& service : sought.config.services) {
    if (service.key.is_by_mark() || !serves(chain, service)) continue;
    const auto outcome = walk(
        rules,
        [&](const Rule& rule) {
          const auto ours = queues(rule.text, sought.queues);
          if (ours && *ours) return Meaning{Takes::some, Act::leaves};
          return meaning_of(rule.text, service.key, sets);
        },
        [&](const std::string& name) -> const Rules* {
          static const Rules kEmpty;
          if (!ruleset.chains.contains(table + " " + name)) return nullptr;
          const auto target = ruleset.rules.find(table + " " + name);
          return target == ruleset.rules.end() ? &kEmpty : &target->second;
        });
    using End = Outcome<Rule>::End;
    const bool by_policy = outcome.end == End::goes_on && to_its_end && chain.drops;
    const bool drops = outcome.end == End::drops || by_policy;
    if (outcome.open || (!drops && outcome.drops == nullptr)) continue;
    const bool named = !by_policy && outcome.drops != nullptr;
    add_shadow(view,
               named ? chain_text(*outcome.drops->at) + ", handle " +
                           std::to_string(outcome.drops->text.value("handle", 0))
                     : chain_text(chain) + ", policy drop",
               service, drops && !outcome.unsure);
  }
}

}  // namespace

void capture_all(RulesetView& view, const Config& config, bool v4) {
  for (const VirtualService& service : config.services) {
    if (service.key.listen.address.is_v4() == v4) view.captured.insert(service.name);
  }
}

void add_shadow(RulesetView& view, const std::string& rule, const VirtualService& service,
                bool sure) {
  const auto same = std::find_if(
      view.shadows.begin(), view.shadows.end(),
      [&](const ShadowEvidence& other) { return other.rule == rule && other.sure == sure; });
  if (same != view.shadows.end()) return same->services.push_back(service.name);
  view.shadows.push_back({rule, {service.name}, sure});
}

Result<RulesetView, Error> view_ruleset(std::string_view text, const Sought& sought) {
  try {
    RulesetView view;
    const Read ruleset = read(json::parse(text));
    view_capture(ruleset, sought, view);
    const Own own = find_own(ruleset);
    for (const auto& [key, chain] : ruleset.chains) {
      if (chain.hook.empty() || is_lvsds(chain.table)) continue;
      const auto found = ruleset.rules.find(key);
      Rules rules = found == ruleset.rules.end() ? Rules() : found->second;
      const auto jump = own.position.find(key);
      const bool jumps = jump != own.position.end();
      if (jumps) rules.resize(jump->second);
      if (!jumps && !comes_before(chain, own, sought.config.startup.stage)) continue;
      view_chain(ruleset, key, rules, !jumps, sought, view);
    }
    return view;
  } catch (const json::exception& wrong) {
    return fail(std::string("what nft prints cannot be read: ") + wrong.what());
  }
}

}  // namespace lvsd::doctor
