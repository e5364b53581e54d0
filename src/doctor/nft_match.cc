// SPDX-License-Identifier: GPL-2.0-or-later
#include "nft_match.h"

namespace lvsd::doctor {
namespace {

using nlohmann::json;

struct Asked {
  const ServiceKey& key;
  const NftSets& sets;
};

bool names_set(const json& right) {
  return right.is_string() && right.get_ref<const std::string&>().rfind('@', 0) == 0;
}

// Whether one of several values of a match ("10.0.3.100", a prefix, a range, a port) is meant.
template <typename TakesOne>
Takes takes_any(const json& right, const NftSets& sets, const TakesOne& takes_one) {
  if (names_set(right)) {
    const auto set = sets.find(right.get_ref<const std::string&>().substr(1));
    return set == sets.end() ? Takes::maybe : takes_any(set->second, sets, takes_one);
  }
  const bool set = right.is_object() && right.contains("set");
  const json& members = set ? right.at("set") : right;
  if (!members.is_array()) return takes_one(right);
  Takes takes = Takes::no;
  for (const json& member : members) {
    const bool wrapped = member.is_object() && member.contains("elem");  // with a timeout, say
    takes = std::max(takes, takes_one(wrapped ? member.at("elem").value("val", json()) : member));
  }
  return takes;
}

Takes takes_address(const json& one, const IpAddress& address) {
  std::string text = one.is_string() ? one.get<std::string>() : std::string();
  if (one.is_object() && one.contains("prefix")) {
    const json& prefix = one.at("prefix");
    text = prefix.value("addr", "") + "/" + std::to_string(prefix.value("len", 0));
  }
  if (one.is_object() && one.contains("range") && one.at("range").size() == 2) {
    const auto bound = [&one](std::size_t which) {
      const json& end = one.at("range")[which];
      return IpAddress::parse(end.is_string() ? end.get<std::string>() : "");
    };
    const auto first = bound(0), last = bound(1);
    if (!first || !last) return Takes::maybe;
    return certain(first->is_v4() == address.is_v4() && *first <= address && address <= *last);
  }
  const auto prefix = Prefix::parse(text);
  return prefix ? certain(prefix->contains(address)) : Takes::maybe;
}

Takes takes_port(const json& one, unsigned port) {
  if (one.is_number_unsigned()) return certain(one.get<unsigned>() == port);
  if (!one.is_object() || !one.contains("range")) return Takes::maybe;
  const json& range = one.at("range");
  if (range.size() != 2 || !range[0].is_number() || !range[1].is_number()) return Takes::maybe;
  return certain(range[0].get<unsigned>() <= port && port <= range[1].get<unsigned>());
}

Takes takes_word(const json& one, const std::string& word) {
  return one.is_string() ? certain(one.get_ref<const std::string&>() == word) : Takes::maybe;
}

Takes takes_payload(const json& payload, const json& one, const ServiceKey& key) {
  const std::string protocol(to_string(key.protocol));
  const std::string of = payload.value("protocol", ""), field = payload.value("field", "");
  if (field == "daddr") return takes_address(one, key.listen.address);
  if (field == "protocol" || field == "nexthdr") return takes_word(one, protocol);
  for (const char* other : {"tcp", "udp", "sctp", "icmp", "icmpv6"}) {
    if (of == other && of != protocol) return Takes::no;
  }
  if (field != "dport") return Takes::some;
  if (key.listen.port == Port()) return Takes::some;  // the service is asked at all of them
  return takes_port(one, key.listen.port.host());
}

// Of a request that opens a connection, and came from the network.
Takes takes_one(const json& left, const json& one, const ServiceKey& key) {
  const std::string meta = left.contains("meta") ? left.at("meta").value("key", "") : "";
  if (meta == "l4proto") return takes_word(one, std::string(to_string(key.protocol)));
  if (meta == "iifname" || meta == "iif") return one == "lo" ? Takes::no : Takes::some;
  if (left.contains("ct") && left.at("ct").value("key", "") == "state") {
    return takes_state(takes_word(one, "new"), takes_word(one, "untracked"));
  }
  return left.contains("payload") ? takes_payload(left.at("payload"), one, key) : Takes::some;
}

Takes takes_value(const json& left, const json& right, const Asked& asked) {
  const bool state = left.contains("ct") && left.at("ct").value("key", "") == "state";
  if (state && !names_set(right)) {
    const auto has = [&](const char* word) {
      return takes_any(right, asked.sets, [&](const json& one) { return takes_word(one, word); });
    };
    return takes_state(has("new"), has("untracked"));
  }
  if (!left.contains("concat")) {
    return takes_any(right, asked.sets,
                     [&](const json& one) { return takes_one(left, one, asked.key); });
  }
  const json& parts = left.at("concat");
  return takes_any(right, asked.sets, [&](const json& one) {
    if (!one.is_object() || !one.contains("concat")) return Takes::maybe;
    const json& values = one.at("concat");
    if (values.size() != parts.size()) return Takes::maybe;
    Takes all = Takes::yes;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      all = std::min(all, takes_value(parts[i], values[i], asked));
    }
    return all;
  });
}

Takes takes_match(const json& match, const Asked& asked) {
  if (!match.contains("left") || !match.contains("right")) return Takes::maybe;
  const Takes equal = takes_value(match.at("left"), match.at("right"), asked);
  const std::string op = match.value("op", "");
  if (op == "==" || op == "in") return equal;
  return op == "!=" ? opposite(equal) : Takes::some;
}

// Of an iptables extension nft knows the name only. Those of ports and sets may go by where packets
// are going.
Takes takes_extension(const json& part) {
  const std::string name = part.is_object() ? part.value("name", "") : "";
  for (const char* unknown : {"", "tcp", "udp", "sctp", "multiport", "set", "addrtype"}) {
    if (name == unknown) return Takes::maybe;
  }
  return Takes::some;
}

Meaning verdict_of(const json& part) {
  if (part.contains("drop") || part.contains("reject")) return {Takes::yes, Act::drops};
  if (part.contains("return")) return {Takes::yes, Act::returns};
  for (const auto& [word, act] : {std::pair{"jump", Act::jumps}, std::pair{"goto", Act::goes}}) {
    if (part.contains(word)) return {Takes::yes, act, part.at(word).value("target", "")};
  }
  for (const char* leaves : {"accept", "queue"}) {
    if (part.contains(leaves)) return {Takes::yes, Act::leaves};
  }
  for (const char* harmless :
       {"match", "counter", "log", "limit", "mangle", "notrack", "comment", "continue", "set"}) {
    if (part.contains(harmless)) return {Takes::yes, Act::none};
  }
  // An iptables extension: many versions of nft do not even say whether it is a match.
  const bool told = part.contains("xt") && part.at("xt").is_object();
  const std::string type = told ? part.at("xt").value("type", "") : "";
  const std::string name = told ? part.at("xt").value("name", "") : "";
  if (type == "match") return {Takes::yes, Act::none};
  for (const char* harmless : {"LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TCPMSS", "TRACE"}) {
    if (type == "target" && name == harmless) return {Takes::yes, Act::none};
  }
  return {Takes::yes, Act::unclear};
}

// The verdict of the first element that takes them surely.
Meaning verdict_of_map(const json& map, const Asked& asked) {
  const json& data = map.at("data");
  const json* pairs = data.is_object() && data.contains("set") ? &data.at("set") : nullptr;
  if (names_set(data)) {
    const auto named = asked.sets.find(data.get_ref<const std::string&>().substr(1));
    if (named != asked.sets.end()) pairs = &named->second;
  }
  if (pairs == nullptr || !pairs->is_array()) return {Takes::yes, Act::unclear};
  bool perhaps = false;
  for (const json& pair : *pairs) {
    if (!pair.is_array() || pair.size() != 2) return {Takes::yes, Act::unclear};
    const Takes takes = takes_value(map.at("key"), pair[0], asked);
    if (takes == Takes::yes) return verdict_of(pair[1]);
    perhaps = perhaps || takes != Takes::no;
  }
  return {Takes::yes, perhaps ? Act::unclear : Act::none};
}

}  // namespace

Meaning meaning_of(const json& rule, const ServiceKey& key, const NftSets& sets) {
  const Asked asked{key, sets};
  Meaning meaning{Takes::yes, Act::none};
  for (const json& part : rule.value("expr", json::array())) {
    if (part.contains("match")) {
      meaning.takes = std::min(meaning.takes, takes_match(part.at("match"), asked));
    }
    // What takes some packets of many, or an iptables match that nft does not explain.
    if (part.contains("limit")) meaning.takes = std::min(meaning.takes, Takes::some);
    const bool target = part.contains("xt") && part.at("xt").is_object() &&
                        part.at("xt").value("type", "") == "target";
    if (part.contains("xt") && !target) {
      meaning.takes = std::min(meaning.takes, takes_extension(part.at("xt")));
    }
    const Meaning verdict =
        part.contains("vmap") ? verdict_of_map(part.at("vmap"), asked) : verdict_of(part);
    if (verdict.act == Act::none) continue;
    meaning.act = verdict.act;
    meaning.target = verdict.target;
  }
  return meaning;
}

}  // namespace lvsd::doctor
