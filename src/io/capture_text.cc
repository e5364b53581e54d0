// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/capture_text.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace lvsd {
namespace {

// ICMP errors that concern a connection: destination unreachable, source quench, time exceeded
// (reference section 1.10).
constexpr std::array<std::string_view, 3> kIcmpErrors{"3", "4", "11"};
constexpr std::array<std::string_view, 2> kFragmented{"tcp", "udp"};

constexpr std::string_view kServices = "services4";
constexpr std::string_view kAddresses = "addresses4";
constexpr std::string_view kNatSources = "nat-sources4";
constexpr std::string_view kNatAddresses = "nat-addresses4";

using Describe = std::string (*)(const ServiceKey&);

std::string ipset_member(const ServiceKey& key) {
  return to_string(key.listen.address) + ',' + std::string(to_string(key.protocol)) + ':' +
         to_string(key.listen.port);
}

std::string nft_member(const ServiceKey& key) {
  return to_string(key.listen.address) + " . " + std::string(to_string(key.protocol)) + " . " +
         to_string(key.listen.port);
}

TextSet port_set(std::string name, const std::vector<ServiceKey>& keys, Describe describe) {
  TextSet set{std::move(name), true, {}};
  set.members.reserve(keys.size());
  for (const ServiceKey& key : keys) {
    if (key.listen.address.is_v4()) set.members.push_back(describe(key));
  }
  return set;
}

TextSet address_set(std::string name, const std::vector<IpAddress>& addresses) {
  TextSet set{std::move(name), false, {}};
  set.members.reserve(addresses.size());
  for (const IpAddress& address : addresses) {
    if (address.is_v4()) set.members.push_back(to_string(address));
  }
  return set;
}

std::vector<TextSet> all_sets(const CapturePlan& plan, std::string_view prefix, Describe describe) {
  const std::string start(prefix);
  return {port_set(start + std::string(kServices), plan.services, describe),
          address_set(start + std::string(kAddresses), plan.virtual_addresses),
          port_set(start + std::string(kNatSources), plan.nat_sources, describe),
          address_set(start + std::string(kNatAddresses), plan.nat_addresses)};
}

bool has_nat(const CapturePlan& plan) {
  const auto is_v4 = [](const IpAddress& address) { return address.is_v4(); };
  return std::any_of(plan.nat_addresses.begin(), plan.nat_addresses.end(), is_v4);
}

bool is_raw(const IptablesChain& chain) { return chain.table == "raw"; }

// Writes one chain's rules, through sets or member by member.
class IptablesWriter {
 public:
  IptablesWriter(const CapturePlan& plan, bool sets) : plan_(plan), sets_(sets) {}

  void fragments(std::string_view set, const std::vector<IpAddress>& addresses, bool source) {
    for (const std::string_view protocol : kFragmented) {
      for_addresses(set, addresses, source, "-p " + std::string(protocol) + " -f");
    }
  }

  void icmp_errors() {
    for (const std::string_view type : kIcmpErrors) {
      const std::string match = "-p icmp -m icmp --icmp-type " + std::string(type);
      if (plan_.every_icmp_error) {
        queue(match);
      } else {
        for_addresses(kAddresses, plan_.virtual_addresses, false, match);
      }
    }
  }

  void ports(std::string_view set, const std::vector<ServiceKey>& keys, bool source) {
    if (sets_) return queue(set_match(set, source ? "src,src" : "dst,dst"));
    for (const ServiceKey& key : keys) {
      if (!key.listen.address.is_v4()) continue;
      const std::string protocol(to_string(key.protocol));
      queue(address_match(key.listen.address, source) + " -p " + protocol + " -m " + protocol +
            (source ? " --sport " : " --dport ") + to_string(key.listen.port));
    }
  }

  void leave_groups() { rules_.emplace_back("-m pkttype ! --pkt-type unicast -j RETURN"); }
  void leave_local() { rules_.emplace_back("-m addrtype --dst-type LOCAL -j RETURN"); }

  std::vector<std::string> take() { return std::move(rules_); }

 private:
  static std::string set_match(std::string_view set, std::string_view direction) {
    return "-m set --match-set lvsd-" + std::string(set) + ' ' + std::string(direction);
  }
  static std::string address_match(const IpAddress& address, bool source) {
    return (source ? "-s " : "-d ") + to_string(address) + "/32";
  }

  void for_addresses(std::string_view set, const std::vector<IpAddress>& addresses, bool source,
                     const std::string& match) {
    if (sets_) return queue(match + ' ' + set_match(set, source ? "src" : "dst"));
    for (const IpAddress& address : addresses) {
      if (address.is_v4()) queue(address_match(address, source) + ' ' + match);
    }
  }

  void queue(const std::string& match) {
    rules_.push_back(match + " -j NFQUEUE --queue-num " + std::to_string(plan_.queue) +
                     (plan_.bypass ? " --queue-bypass" : ""));
  }

  const CapturePlan& plan_;
  bool sets_;
  std::vector<std::string> rules_;
};

// The part of a raw chain that NAT needs, in both stages; what is for ourselves leaves first.
void write_nat(const CapturePlan& plan, const IptablesFeatures& features, IptablesWriter& writer) {
  if (!has_nat(plan)) return;
  if (features.pkttype && plan.stage == CaptureStage::late) writer.leave_groups();
  if (features.addrtype) writer.leave_local();
  if (plan.stage == CaptureStage::late) writer.icmp_errors();
  writer.fragments(kNatAddresses, plan.nat_addresses, true);
  writer.ports(kNatSources, plan.nat_sources, true);
}

// A packet that came in a broadcast or multicast frame is not for the director, whatever its
// address; what the host sent to itself over lo counts as unicast.
constexpr std::string_view kNftGroupRule = "\t\tmeta pkttype != host return\n";

std::string nft_icmp_rule(const CapturePlan& plan, const std::string& verdict) {
  return std::string("\t\t") +
         (plan.every_icmp_error ? "" : "ip daddr @" + std::string(kAddresses) + " ") +
         "icmp type { 3, 4, 11 } " + verdict;
}

// Fragments come first and then leave: kernels before 5.17 would read the port of a later fragment
// from its payload.
std::string nft_fragment_rules(const CapturePlan& plan, const std::string& verdict) {
  const std::string later = "ip frag-off & 0x1fff != 0 ";
  const std::string match = "\t\tip protocol { tcp, udp } " + later;
  std::string text;
  if (plan.stage == CaptureStage::early) {
    text += match + "ip daddr @" + std::string(kAddresses) + ' ' + verdict;
  }
  if (has_nat(plan)) {
    text +=
        match + "ip saddr @" + std::string(kNatAddresses) + " fib daddr type != local " + verdict;
  }
  return text + "\t\t" + later + "return\n";
}

std::string nft_port_rule(std::string_view side, std::string_view set, const std::string& verdict) {
  return "\t\tip " + std::string(side) + " . meta l4proto . th " +
         (side == "saddr" ? "sport" : "dport") + " @" + std::string(set) + ' ' + verdict;
}

std::string nft_prerouting(const CapturePlan& plan, const std::string& verdict) {
  const bool early = plan.stage == CaptureStage::early;
  std::string text =
      "\tchain prerouting {\n\t\ttype filter hook prerouting priority raw; policy accept;\n" +
      std::string(kNftGroupRule) + nft_fragment_rules(plan, verdict);
  if (early) {
    text += nft_icmp_rule(plan, verdict) + nft_port_rule("daddr", kServices, verdict);
  }
  if (has_nat(plan)) {
    text += "\t\tfib daddr type local return\n";
    if (!early) text += nft_icmp_rule(plan, verdict);
    text += nft_port_rule("saddr", kNatSources, verdict);
  }
  return text + "\t}\n";
}

// Priority 99: after every ordinary filter chain (0), before source NAT (100), where IPVS is.
std::string nft_input(const CapturePlan& plan, const std::string& verdict) {
  return "\tchain input {\n\t\ttype filter hook input priority 99; policy accept;\n" +
         std::string(kNftGroupRule) + nft_icmp_rule(plan, verdict) +
         nft_port_rule("daddr", kServices, verdict) + "\t}\n";
}

}  // namespace

SetDifference difference(const TextSet& from, const TextSet& to) {
  std::vector<std::string> before = from.members;  // sorted as addresses, not as text
  std::vector<std::string> after = to.members;
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  SetDifference found;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(found.added));
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(found.removed));
  return found;
}

std::string IptablesChain::jump() const { return hook + " -j " + std::string(kChainName); }

std::vector<TextSet> ipset_sets(const CapturePlan& plan) {
  return all_sets(plan, "lvsd-", ipset_member);
}

std::vector<IptablesChain> iptables_chains(const CapturePlan& plan,
                                           const IptablesFeatures& features) {
  IptablesWriter first(plan, features.sets);
  const bool early = plan.stage == CaptureStage::early;
  if (features.pkttype) first.leave_groups();
  if (early) first.fragments(kAddresses, plan.virtual_addresses, false);
  first.icmp_errors();
  first.ports(kServices, plan.services, false);
  if (early) {
    write_nat(plan, features, first);
    return {{"raw", "PREROUTING", first.take()}};
  }
  std::vector<IptablesChain> chains{
      {features.security_table ? "security" : "filter", "INPUT", first.take()}};
  IptablesWriter replies(plan, features.sets);
  write_nat(plan, features, replies);
  if (has_nat(plan)) chains.push_back({"raw", "PREROUTING", replies.take()});
  return chains;
}

std::string ipset_create(const TextSet& set, std::string_view name) {
  constexpr std::size_t kRoom = 65536;  // ipset's default; a set cannot grow beyond it later
  const std::string quoted(name);
  std::string text = "create " + quoted + (set.ports ? " hash:ip,port" : " hash:ip") +
                     " family inet maxelem " + std::to_string(std::max(kRoom, set.members.size())) +
                     '\n';
  for (const std::string& member : set.members) text += "add " + quoted + ' ' + member + '\n';
  return text;
}

std::string iptables_text(const CapturePlan& plan, const IptablesFeatures& features) {
  std::string text;
  if (features.owned_table) {
    text +=
        "# The chains lie in the nf_tables table ip lvsd, which only lvsd can change, each at\n"
        "# the hook of its table; shown here as iptables would have them.\n";
  }
  if (features.sets) {
    text += "# ipset restore\n";
    for (const TextSet& set : ipset_sets(plan)) text += ipset_create(set, set.name);
  }
  text += "# iptables-restore --noflush\n";
  for (const IptablesChain& chain : iptables_chains(plan, features)) {
    text += '*' + chain.table + "\n:" + std::string(kChainName) + " - [0:0]\n" +
            (is_raw(chain) ? "-I " : "-A ") + chain.jump() + '\n';
    for (const std::string& rule : chain.rules) {
      text += "-A " + std::string(kChainName) + ' ' + rule + '\n';
    }
    text += "COMMIT\n";
  }
  return text;
}

std::vector<TextSet> nft_sets(const CapturePlan& plan) { return all_sets(plan, "", nft_member); }

std::string nft_members(const std::vector<std::string>& members) {
  std::string text = "{ ";
  for (const std::string& member : members) text += member + ", ";
  return text + "}";  // nft takes a comma before the brace
}

std::string nft_queue(const CapturePlan& plan) {
  return "queue num " + std::to_string(plan.queue) + (plan.bypass ? " bypass" : "");
}

std::string nft_chains(const CapturePlan& plan, const std::string& verdict) {
  const std::string end = "counter " + verdict + '\n';
  if (plan.stage == CaptureStage::early) return nft_prerouting(plan, end);
  return nft_input(plan, end) + (has_nat(plan) ? nft_prerouting(plan, end) : std::string());
}

std::string nft_text(const CapturePlan& plan, const std::string& verdict) {
  std::string text = "table " + std::string(kNftTable) + " {\n";
  for (const TextSet& set : nft_sets(plan)) {
    text += "\tset " + set.name + " {\n\t\ttype ipv4_addr" +
            (set.ports ? " . inet_proto . inet_service" : "") + "\n";
    if (!set.members.empty()) text += "\t\telements = " + nft_members(set.members) + '\n';
    text += "\t}\n";
  }
  return text + nft_chains(plan, verdict) + "}\n";
}

}  // namespace lvsd
