// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

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

// Whether a value of a match ("10.0.3.100", a prefix, a set, a port) takes this one in.
bool takes_address(const json& right, const IpAddress& address) {
  if (right.is_string()) {
    const auto prefix = Prefix::parse(right.get<std::string>());
    return prefix && prefix->contains(address);
  }
  if (!right.is_object()) return false;
  if (right.contains("prefix")) {
    const json& prefix = right.at("prefix");
    const auto parsed =
        Prefix::parse(prefix.value("addr", "") + "/" + std::to_string(prefix.value("len", 0)));
    return parsed && parsed->contains(address);
  }
  if (!right.contains("set") || !right.at("set").is_array()) return false;
  for (const json& member : right.at("set")) {
    if (takes_address(member, address)) return true;
  }
  return false;
}

bool takes_port(const json& right, unsigned port) {
  if (right.is_number_unsigned()) return right.get<unsigned>() == port;
  if (!right.is_object()) return false;
  if (right.contains("range") && right.at("range").size() == 2) {
    const json& range = right.at("range");
    return range[0].is_number() && range[1].is_number() && range[0].get<unsigned>() <= port &&
           port <= range[1].get<unsigned>();
  }
  if (!right.contains("set") || !right.at("set").is_array()) return false;
  for (const json& member : right.at("set")) {
    if (takes_port(member, port)) return true;
  }
  return false;
}

// Whether a match surely takes the service's requests in: one that is not understood does not.
bool takes(const json& match, const VirtualService& service) {
  if (match.value("op", "") != "==" || !match.contains("left") || !match.contains("right")) {
    return false;
  }
  const json& left = match.at("left");
  const json& right = match.at("right");
  const ServiceKey& key = service.key;
  const std::string protocol(to_string(key.protocol));
  if (left.contains("meta") && left.at("meta").value("key", "") == "l4proto") {
    return right == protocol;
  }
  if (!left.contains("payload")) return false;
  const std::string of = left.at("payload").value("protocol", "");
  const std::string field = left.at("payload").value("field", "");
  if (field == "daddr") return takes_address(right, key.listen.address);
  if (field == "protocol" || field == "nexthdr") return right == protocol;
  return field == "dport" && (of == protocol || of == "th") &&
         takes_port(right, key.listen.port.host());
}

bool drops(const json& rule, const VirtualService& service) {
  bool drop = false;
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("match") && !takes(part.at("match"), service)) return false;
    if (part.contains("xt")) return false;  // an iptables match that nft does not explain
    drop = drop || part.contains("drop") || part.contains("reject");
  }
  return drop;
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
      for (const VirtualService& service : config.services) {
        if (service.key.is_by_mark() || !serves(at, service) || !drops(rule, service)) continue;
        view.shadows.push_back(rule_text(at, rule) + ": drops packets to " +
                               to_string(service.key));
        break;
      }
    }
    return view;
  } catch (const json::exception& wrong) {
    return fail(std::string("what nft prints cannot be read: ") + wrong.what());
  }
}

}  // namespace lvsd::doctor
