// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "chain_walk.h"

namespace lvsd::doctor {
namespace {

using nlohmann::json;

// Where lvsd's chains are (lvsd(8), "Capture").
constexpr int kRaw = -300, kSecurity = 99;

struct Chain {
  std::string family, table, name, hook;
  int priority = 0;
  int table_handle = 0;
};
using Chains = std::map<std::string, Chain>;

std::string key_of(const json& object, const char* chain) {
  return object.value("family", "") + " " + object.value("table", "") + " " +
         object.value(chain, "");
}

bool is_lvsds(const std::string& table) { return table == "lvsd"; }
bool is_lvsds_chain(const std::string& name) { return name.rfind("LVSD", 0) == 0; }

// Whether one of several values of a match ("10.0.3.100", a prefix, a range, a port) is meant.
template <typename TakesOne>
Takes takes_any(const json& right, const TakesOne& takes_one) {
  const bool set = right.is_object() && right.contains("set");
  const json& members = set ? right.at("set") : right;
  if (!members.is_array()) return takes_one(right);
  Takes takes = Takes::no;
  for (const json& member : members) takes = std::max(takes, takes_one(member));
  return takes;
}

Takes takes_address(const json& right, const IpAddress& address) {
  return takes_any(right, [&address](const json& one) {
    std::string text = one.is_string() ? one.get<std::string>() : std::string();
    if (one.is_object() && one.contains("prefix")) {
      const json& prefix = one.at("prefix");
      text = prefix.value("addr", "") + "/" + std::to_string(prefix.value("len", 0));
    }
    const auto prefix = Prefix::parse(text);
    return prefix ? certain(prefix->contains(address)) : Takes::maybe;
  });
}

Takes takes_port(const json& right, unsigned port) {
  return takes_any(right, [port](const json& one) {
    if (one.is_number_unsigned()) return certain(one.get<unsigned>() == port);
    if (!one.is_object() || !one.contains("range")) return Takes::maybe;
    const json& range = one.at("range");
    if (range.size() != 2 || !range[0].is_number() || !range[1].is_number()) return Takes::maybe;
    return certain(range[0].get<unsigned>() <= port && port <= range[1].get<unsigned>());
  });
}

Takes takes_word(const json& right, const std::string& word) {
  return takes_any(right, [&word](const json& one) {
    if (!one.is_string()) return Takes::maybe;
    const std::string text = one.get<std::string>();
    return text.rfind('@', 0) == 0 ? Takes::maybe : certain(text == word);
  });
}

Takes takes_payload(const json& payload, const json& right, const ServiceKey& key) {
  const std::string protocol(to_string(key.protocol));
  const std::string of = payload.value("protocol", ""), field = payload.value("field", "");
  if (field == "daddr") return takes_address(right, key.listen.address);
  if (field == "protocol" || field == "nexthdr") return takes_word(right, protocol);
  for (const char* other : {"tcp", "udp", "sctp"}) {
    if (of == other && of != protocol) return Takes::no;
  }
  if (field != "dport") return Takes::maybe;
  return takes_port(right, key.listen.port.host());
}

// Of a request that opens a connection, and came from the network.
Takes takes_value(const json& left, const json& right, const ServiceKey& key) {
  const std::string meta = left.contains("meta") ? left.at("meta").value("key", "") : "";
  if (meta == "l4proto") return takes_word(right, std::string(to_string(key.protocol)));
  if ((meta == "iifname" || meta == "iif") && right == "lo") return Takes::no;
  if (left.contains("ct") && left.at("ct").value("key", "") == "state") {
    return takes_state(takes_word(right, "new"), takes_word(right, "untracked"));
  }
  return left.contains("payload") ? takes_payload(left.at("payload"), right, key) : Takes::maybe;
}

Takes takes(const json& match, const VirtualService& service) {
  if (!match.contains("left") || !match.contains("right")) return Takes::maybe;
  const Takes equal = takes_value(match.at("left"), match.at("right"), service.key);
  const std::string op = match.value("op", "");
  if (op == "==" || op == "in") return equal;
  return op == "!=" ? opposite(equal) : Takes::maybe;
}

Takes takes_rule(const json& rule, const VirtualService& service) {
  Takes all = Takes::yes;
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("match")) all = std::min(all, takes(part.at("match"), service));
    // An iptables match that nft does not explain, and what takes some packets of many.
    if (part.contains("xt") || part.contains("limit")) all = std::min(all, Takes::maybe);
  }
  return all;
}

bool refuses(const json& part) { return part.contains("drop") || part.contains("reject"); }

// Whether a part of a rule may end its chain for a packet, otherwise than by dropping it.
bool lets_go(const json& part) {
  for (const char* harmless :
       {"match", "counter", "log", "limit", "mangle", "notrack", "comment"}) {
    if (part.contains(harmless)) return false;
  }
  const bool explained = part.contains("xt") && part.at("xt").is_object();
  return !refuses(part) && !(explained && part.at("xt").value("type", "") == "match");
}

Fate fate_in(const json& rule, const VirtualService& service) {
  const Takes takes = takes_rule(rule, service);
  const json parts = rule.value("expr", json::array());
  if (takes == Takes::no) return Fate::goes_on;
  if (std::any_of(parts.begin(), parts.end(), refuses)) {
    return takes == Takes::yes ? Fate::dropped : Fate::goes_on;
  }
  return std::any_of(parts.begin(), parts.end(), lets_go) ? Fate::may_leave : Fate::goes_on;
}

bool queues(const json& rule) {
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("queue")) return true;
    if (part.contains("xt") && part.at("xt").is_object() &&
        part.at("xt").value("name", "") == "NFQUEUE") {
      return true;
    }
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
  std::map<std::string, int> tables;    // by family: the handle of the table
  std::map<std::string, int> position;  // by key of a chain: of the rule that jumps

  std::optional<int> table(const std::string& family) const {
    const auto found = tables.find(family);
    const auto both = found == tables.end() ? tables.find("inet") : found;
    return both == tables.end() ? std::nullopt : std::optional(both->second);
  }
};

// Whether the rule at this position of the chain sees a request before lvsd's do. Of two tables
// with one priority the kernel asks the younger one first (tried), and handles grow.
bool comes_before(const Chain& chain, int position, const Own& own, CaptureStage stage) {
  const auto jump = own.position.find(chain.family + " " + chain.table + " " + chain.name);
  if (jump != own.position.end()) return position < jump->second;
  if (chain.hook == "ingress") return true;
  if (stage == CaptureStage::late) {
    return chain.hook == "prerouting" || (chain.hook == "input" && chain.priority < kSecurity);
  }
  if (chain.hook != "prerouting") return false;
  if (chain.priority != kRaw) return chain.priority < kRaw;
  return chain.table_handle > own.table(chain.family).value_or(0);
}

std::string rule_text(const Chain& chain, const json& rule) {
  return "table " + chain.family + " " + chain.table + ", chain " + chain.name + " (" + chain.hook +
         ", priority " + std::to_string(chain.priority) + "), handle " +
         std::to_string(rule.value("handle", 0));
}

struct Read {
  std::map<std::string, int> tables;  // "family name": handle
  Chains chains;
  std::vector<json> rules;
};

Read read(const json& ruleset) {
  Read out;
  for (const json& entry : ruleset.at("nftables")) {
    if (entry.contains("table")) {
      const json& table = entry.at("table");
      out.tables[table.value("family", "") + " " + table.value("name", "")] =
          table.value("handle", 0);
    } else if (entry.contains("chain")) {
      const json& chain = entry.at("chain");
      Chain one{chain.value("family", ""), chain.value("table", ""), chain.value("name", ""),
                chain.value("hook", ""),   chain.value("prio", 0),   0};
      one.table_handle = out.tables[one.family + " " + one.table];
      out.chains.emplace(key_of(chain, "name"), std::move(one));
    } else if (entry.contains("rule")) {
      out.rules.push_back(entry.at("rule"));
    }
  }
  return out;
}

Own find_own(const Read& ruleset) {
  Own own;
  for (int position = 0; const json& rule : ruleset.rules) {
    ++position;
    const std::string key = key_of(rule, "chain");
    const auto chain = ruleset.chains.find(key);
    if (chain == ruleset.chains.end()) continue;
    const Chain& at = chain->second;
    const bool jumps = jumps_to_lvsd(rule);
    if (jumps) own.position.emplace(key, position);
    if (jumps || is_lvsds(at.table)) own.tables.emplace(at.family, at.table_handle);
  }
  return own;
}

}  // namespace

Result<RulesetView, Error> view_ruleset(std::string_view text, const Config& config) {
  try {
    RulesetView view;
    const Read ruleset = read(json::parse(text));
    const Own own = find_own(ruleset);
    std::map<std::string, ChainWalk> walks;
    for (int position = 0; const json& rule : ruleset.rules) {
      ++position;
      const auto chain = ruleset.chains.find(key_of(rule, "chain"));
      if (chain == ruleset.chains.end()) continue;
      const Chain& at = chain->second;
      if (is_lvsds(at.table) || is_lvsds_chain(at.name) || queues(rule)) {
        view.captures_v4 = view.captures_v4 || at.family != "ip6";
        view.captures_v6 = view.captures_v6 || at.family == "ip6" || at.family == "inet";
        continue;
      }
      if (at.hook.empty() || !comes_before(at, position, own, config.startup.stage)) continue;
      const VirtualService* dropped = walks[chain->first].meet(
          config, [&](const VirtualService& service) { return serves(at, service); },
          [&](const VirtualService& service) { return fate_in(rule, service); });
      if (dropped == nullptr) continue;
      view.shadows.push_back(rule_text(at, rule) + ": drops packets to " + to_string(dropped->key));
    }
    return view;
  } catch (const json::exception& wrong) {
    return fail(std::string("what nft prints cannot be read: ") + wrong.what());
  }
}

}  // namespace lvsd::doctor
