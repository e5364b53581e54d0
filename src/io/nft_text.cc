// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "capture_sets.h"
#include "lvsd/io/capture_text.h"

namespace lvsd {
namespace {

// How nft calls what differs between the two versions of IP.
struct Words {
  IpFamily family;
  std::string_view ip, address, errors, ported, later;
};
constexpr Words kV4{IpFamily::v4,
                    "ip",
                    "ipv4_addr",
                    "icmp type { 3, 4, 11 }",
                    "ip protocol { tcp, udp",
                    "ip frag-off & 0x1fff != 0 "};
constexpr Words kV6{IpFamily::v6,
                    "ip6",
                    "ipv6_addr",
                    "icmpv6 type { 1, 2, 3, 4 }",
                    "meta l4proto { tcp, udp",
                    "frag frag-off != 0 "};

std::string nft_member(const ServiceKey& key) {
  return to_string(key.listen.address) + " . " + std::string(protocol_name(key.protocol)) + " . " +
         to_string(key.listen.port);
}

TextSet mark_set(const FamilyPlan& plan, IpFamily family) {
  TextSet set{set_name("marks", family, false), family, SetKind::mark, {}};
  for (const std::uint32_t mark : plan.marks) set.members.push_back(std::to_string(mark));
  return set;
}

std::vector<TextSet> sets_of(const FamilyPlan& plan, IpFamily family) {
  std::vector<TextSet> sets = family_sets(plan, family, "", nft_member);
  if (!plan.marks.empty()) sets.push_back(mark_set(plan, family));
  return sets;
}

// Writes the rules of one version of IP.
class NftWriter {
 public:
  NftWriter(const CapturePlan& plan, const Words& words, const NftVerdicts& verdicts)
      : plan_(family_plan(plan, words.family)),
        words_(words),
        prefix_(words.family == IpFamily::v4 ? plan.steering.prefix.v4 : plan.steering.prefix.v6),
        marks_(plan.probe_marks),
        verdicts_(verdicts) {}

  bool has_nat() const { return plan_.has_nat(); }
  bool own_requests() const { return plan_.own_requests; }
  bool has_probes() const { return plan_.has_probes(); }

  // Of checks that take their service's data path, and their answers.
  std::string probes() const {
    const std::uint32_t first = std::uint32_t{marks_} << ProbePath::kServiceBits;
    return rule("meta nfproto ipv" + std::string(v4() ? "4" : "6") +
                    " meta mark & 0xffff0000 == " + std::to_string(first) + ' ',
                false);
  }
  std::string answers() const {
    return rule(std::string(words_.ip) + " saddr . meta l4proto . th sport @" +
                    set_name("answers", words_.family, false) + " fib daddr type local ",
                true);
  }

  // There is no send_redirects of IPv6 (iptables_text.cc).
  std::string redirects() const {
    if (v4()) return {};
    return "\t\tip6 daddr @" + set_name(kAddressStem, words_.family, true) +
           " icmpv6 type nd-redirect counter drop\n";
  }

  // Fragments come first and then leave: kernels before 5.17 would read the port of a later
  // fragment from its payload.
  std::string fragments(bool requests, bool replies) const {
    const std::string later(words_.later);
    const std::string match =
        std::string(words_.ported) + (plan_.sctp ? ", sctp } " : " } ") + later;
    std::string text;
    if (requests) text += rule(match + lookup(kAddressStem, false), false);
    if (replies) {
      text += rule(match + lookup(kAddressStem, true) + "fib daddr type != local ", true);
    }
    if (requests) text += whole_protocols(false, later);
    if (replies) text += whole_protocols(true, later);
    if (requests && !plan_.marks.empty()) text += rule(later + marked(kMarkedProtocols), false);
    return text + "\t\t" + later + "return\n";
  }
  // At INPUT, IPv4 has been reassembled, IPv6 has not.
  std::string input_fragments() const { return v4() ? "" : fragments(true, false); }

  std::string icmp_errors() const {
    return "\t\t" + (plan_.every_icmp_error ? "" : lookup(kAddressStem, false)) +
           std::string(words_.errors) + " counter " + verdicts_.errors + '\n';
  }

  std::string requests() const {
    std::string text = openers() + endpoints(false);
    if (!plan_.marks.empty()) {
      text += transport_rule(marked(kMarkedProtocols), false);
    }
    if (!plan_.ftp.empty()) text += transport_rule(ftp_data(), false);
    return text;
  }

  std::string endpoints(bool replies) const {
    const std::string side = replies ? "saddr" : "daddr";
    return transport_rule(std::string(words_.ip) + ' ' + side + " . meta l4proto . th " +
                              (replies ? "sport" : "dport") + " @" +
                              set_name(kPortStem, words_.family, replies) + ' ',
                          replies) +
           whole_protocols(replies, "");
  }

 private:
  static constexpr std::string_view kMarkedProtocols = "{ tcp, udp, sctp, esp, ah }";
  bool v4() const { return words_.family == IpFamily::v4; }
  std::string marked(std::string_view protocols) const {
    return "meta nfproto ipv" + std::string(v4() ? "4" : "6") + " meta l4proto " +
           std::string(protocols) + " meta mark @" + set_name("marks", words_.family, false) + ' ';
  }
  std::string ftp_data() const { return lookup("ftp", false) + "tcp dport { 20, 1024-65535 } "; }

  // What would open a connection: TCP with SYN and without ACK, SCTP whose first chunk is INIT.
  std::string openers() const {
    if (verdicts_.openers.empty()) return {};
    std::string text;
    for (const std::string_view protocol : {"tcp", "sctp"}) {
      const bool tcp = protocol == "tcp";
      if (!tcp && !plan_.sctp) continue;
      const std::string match =
          tcp ? "tcp flags & (syn | ack) == syn " : "meta l4proto sctp @th,96,8 1 ";
      const auto add = [&](const std::string& where) {
        text += "\t\t" + match + where + "counter " + verdict(verdicts_.openers, false) + '\n';
      };
      add(std::string(words_.ip) + " daddr . meta l4proto . th dport @" +
          set_name(kPortStem, words_.family, false) + ' ');
      const auto& whole = tcp ? plan_.requests.tcp : plan_.requests.sctp;
      if (!whole.empty()) add(lookup(protocol, false));
      if (!plan_.marks.empty()) add(marked(protocol));
      if (tcp && !plan_.ftp.empty()) add(ftp_data());
    }
    return text;
  }

  std::string verdict(std::string text, bool replies) const {
    const std::size_t at = text.find(NftVerdicts::kClientKey);
    if (at == std::string::npos) return text;
    std::string key = std::string(words_.ip) + (replies ? " daddr" : " saddr");
    const IpAddress ones = v4() ? IpAddress(255, 255, 255, 255) : all_ones();
    if (prefix_ < ones.width()) key += " & " + to_string(masked(ones, prefix_));
    return text.replace(at, NftVerdicts::kClientKey.size(), key);
  }
  static IpAddress all_ones() {
    IpAddress::Bytes bytes{};
    bytes.fill(0xff);
    return IpAddress(bytes);
  }

  std::string rule(const std::string& match, bool replies) const {
    return "\t\t" + match + "counter " + verdict(verdicts_.datagrams, replies) + '\n';
  }
  // Whatever TCP matches goes to the queue of streams, where there is one.
  std::string transport_rule(const std::string& match, bool replies) const {
    if (verdicts_.streams.empty()) return rule(match, replies);
    return "\t\tmeta l4proto tcp " + match + "counter " + verdict(verdicts_.streams, replies) +
           '\n' + rule(match, replies);
  }

  std::string lookup(std::string_view stem, bool replies) const {
    return std::string(words_.ip) + (replies ? " saddr @" : " daddr @") +
           set_name(stem, words_.family, replies) + ' ';
  }

  std::string whole_protocols(bool replies, const std::string& which) const {
    const CaptureSide& side = replies ? plan_.replies : plan_.requests;
    std::string text;
    for (const ProtocolGroup& group : kProtocolGroups) {
      if ((side.*group.addresses).empty()) continue;
      const bool ipsec = group.name == "ipsec";
      const std::string protocol = ipsec ? "{ esp, ah }" : std::string(group.name);
      const std::string match = which + "meta l4proto " + protocol + ' ';
      text += which.empty() && group.name == "tcp"
                  ? transport_rule(match + lookup(group.name, replies), replies)
                  : rule(match + lookup(group.name, replies), replies);
      // Beyond AH, an extension header to nft, there may be any protocol.
      if (ipsec && !v4())
        text += rule(which + "ip6 nexthdr ah " + lookup(group.name, replies), replies);
    }
    return text;
  }

  const FamilyPlan& plan_;
  const Words& words_;
  std::uint8_t prefix_;
  std::uint16_t marks_;
  NftVerdicts verdicts_;
};

// A packet that came in a broadcast or multicast frame is not for the director, whatever its
// address; what the host sent to itself over lo counts as unicast.
constexpr std::string_view kGroupRule = "\t\tmeta pkttype != host return\n";

std::string chain(std::string_view name, std::string_view hook, std::string_view priority,
                  const std::string& rules) {
  return "\tchain " + std::string(name) + " {\n\t\ttype filter hook " + std::string(hook) +
         " priority " + std::string(priority) + "; policy accept;\n" + rules + "\t}\n";
}

// Only a packet that the kernel has given to a socket has an owner at INPUT (capture_text.h), until
// its process closes it: what belongs to a connection that is being ended is captured.
constexpr std::string_view kConnectedRule = "\t\tmeta l4proto tcp meta skuid >= 0 return\n";

using Writers = std::vector<NftWriter>;

// `answers`: they take the way of datagrams.
std::string prerouting(const CapturePlan& plan, const Writers& writers,
                       const std::string& answers) {
  const bool early = plan.stage == CaptureStage::early;
  const bool marks = early && !(plan.v4.marks.empty() && plan.v6.marks.empty());
  std::string text(kGroupRule), replies;
  for (const NftWriter& writer : writers) {
    if (early || writer.has_nat()) text += writer.fragments(early, writer.has_nat());
  }
  text += answers;
  for (const NftWriter& writer : writers) {
    if (early) text += writer.icmp_errors() + writer.requests();
    if (!writer.has_nat()) continue;
    if (!early) replies += writer.icmp_errors();
    replies += writer.endpoints(true);
  }
  if (!replies.empty()) text += "\t\tfib daddr type local return\n" + replies;
  // Marks are set in mangle (-150).
  return chain("prerouting", "prerouting", marks ? "-149" : "raw", text);
}

// Priority 99: after every ordinary filter chain (0), before source NAT (100), where IPVS is.
std::string input(const CapturePlan& plan, const Writers& writers) {
  std::string text(kGroupRule), replies;
  for (const NftWriter& writer : writers) {
    if (plan.stage == CaptureStage::late) {
      text += writer.input_fragments() + writer.icmp_errors() + writer.requests();
    }
    if (writer.has_nat()) replies += writer.endpoints(true);
  }
  if (!replies.empty()) text += std::string(kConnectedRule) + replies;
  return chain("input", "input", "99", text);
}

// What has another address than the host's, of processes on it.
std::string output(const Writers& writers) {
  std::string probes, replies, requests;
  for (const NftWriter& writer : writers) {
    if (writer.has_probes()) probes += writer.probes();
    if (writer.has_nat()) replies += writer.redirects() + writer.endpoints(true);
    if (writer.own_requests()) requests += writer.requests();
  }
  if (probes.empty() && replies.empty() && requests.empty()) return {};
  const std::string local = requests.empty() ? "" : "\t\tfib daddr type local return\n";
  return chain("output", "output", "-149", probes + replies + local + requests);
}

}  // namespace

std::vector<TextSet> nft_sets(const CapturePlan& plan) {
  std::vector<TextSet> sets = sets_of(plan.v4, IpFamily::v4);
  if (plan.v6.empty()) return sets;
  for (TextSet& set : sets_of(plan.v6, IpFamily::v6)) sets.push_back(std::move(set));
  return sets;
}

std::string nft_members(const std::vector<std::string>& members) {
  std::string text = "{ ";
  for (const std::string& member : members) text += member + ", ";
  return text + "}";  // nft takes a comma before the brace
}

NftVerdicts nft_queues(const CapturePlan& plan) {
  const auto alone = [&plan](QueueRole role) {
    return "queue num " + std::to_string(plan.queue_of(role, 0)) + (plan.bypass ? " bypass" : "");
  };
  // The kernel's own hash, which is not ours: what comes to another worker's queue is handed on.
  const auto spread = [&plan, &alone](QueueRole role) {
    if (plan.steering.workers == 1) return alone(role);
    return "queue " + std::string(plan.bypass ? "flags bypass " : "") + "to jhash " +
           std::string(NftVerdicts::kClientKey) + " mod " + std::to_string(plan.steering.workers) +
           " seed " + std::to_string(plan.steering.seed) + " offset " +
           std::to_string(plan.queue_of(role, 0));
  };
  NftVerdicts verdicts(spread(QueueRole::datagrams));
  verdicts.errors = alone(QueueRole::datagrams);
  if (plan.super_packets) verdicts.streams = spread(QueueRole::streams);
  if (plan.openers) verdicts.openers = spread(QueueRole::openers);
  return verdicts;
}

std::string nft_chains(const CapturePlan& plan, const NftVerdicts& verdicts) {
  const auto writers_of = [&plan](const NftVerdicts& all) {
    Writers writers{NftWriter(plan, kV4, all)};
    if (!plan.v6.empty()) writers.emplace_back(plan, kV6, all);
    return writers;
  };
  const Writers from_network = writers_of(verdicts);
  NftVerdicts datagrams(verdicts.datagrams);
  datagrams.errors = verdicts.errors;
  const Writers local = writers_of(datagrams);
  const bool early = plan.stage == CaptureStage::early;
  const bool nat = plan.v4.has_nat() || plan.v6.has_nat();
  std::string text;
  if (!early || nat) text += input(plan, early ? local : from_network);
  std::string answers;
  for (const NftWriter& writer : local) {
    if (writer.has_probes()) answers += writer.answers();
  }
  if (early || nat || !answers.empty()) text += prerouting(plan, from_network, answers);
  return text + output(local);
}

std::string nft_text(const CapturePlan& plan, const NftVerdicts& verdicts) {
  std::string text = "table " + std::string(kNftTable) + " {\n";
  for (const TextSet& set : nft_sets(plan)) {
    const Words& words = set.family == IpFamily::v4 ? kV4 : kV6;
    text += "\tset " + set.name + " {\n\t\ttype " +
            (set.kind == SetKind::mark ? std::string("mark") : std::string(words.address)) +
            (set.kind == SetKind::address_and_port ? " . inet_proto . inet_service" : "") + "\n";
    if (!set.members.empty()) text += "\t\telements = " + nft_members(set.members) + '\n';
    text += "\t}\n";
  }
  return text + nft_chains(plan, verdicts) + "}\n";
}

}  // namespace lvsd
